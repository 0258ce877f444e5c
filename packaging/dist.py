"""Writes the source archive and the wheel: what pip and pipx install, and what the packages are built from.

    python packaging/dist.py FOLDER

The same source gives the same files: setuptools alone would put the time of the build and its user into the archive.
"""

from __future__ import annotations

import contextlib
import gzip
import io
import os
import sys
import tarfile
from pathlib import Path

from setuptools import build_meta

SOURCE = Path(__file__).resolve().parent.parent


def normalize(path: Path, time: int) -> None:
    """Write an archive anew with its members in order, of one time and nobody's."""
    out = io.BytesIO()
    with tarfile.open(path) as old, tarfile.open(fileobj=out, mode="w", format=tarfile.GNU_FORMAT) as new:
        for member in sorted(old.getmembers(), key=lambda one: one.name):
            member.mtime = time
            member.uid = member.gid = 0
            member.uname = member.gname = "root"
            member.mode = 0o755 if member.isdir() or member.mode & 0o100 else 0o644
            member.pax_headers = {}
            new.addfile(member, old.extractfile(member) if member.isfile() else None)
    path.write_bytes(gzip.compress(out.getvalue(), mtime=0))


def main(target: Path) -> None:
    """Write both."""
    target.mkdir(exist_ok=True)
    os.chdir(SOURCE)
    os.umask(0o022)
    with contextlib.redirect_stdout(io.StringIO()):  # thousands of lines about every file
        names = [build_meta.build_sdist(str(target)), build_meta.build_wheel(str(target))]
    normalize(target / names[0], int(os.environ.get("SOURCE_DATE_EPOCH", "0")))
    sys.stdout.write("".join(f"{target / name}\n" for name in names))


if __name__ == "__main__":
    main(Path(sys.argv[1]).resolve())
