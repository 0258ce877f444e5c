"""Which programs do the tests speak to, and which of them are missing? Run with words as arguments it installs them.

The list is programs.txt. ``python tests/programs.py test lab`` installs, as root on Debian or Ubuntu, what is missing
of these two; INSTALL=no, another user or another system leaves the node as it is. Needs nothing but the standard
library, and ends well: a test without its program says so itself.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator

_PLACES = "/usr/local/sbin:/usr/sbin:/sbin:/usr/lib/systemd:/lib/systemd"
_POLICY = Path("/usr/sbin/policy-rc.d")


def listed() -> Iterator[tuple[str, set[str], list[str]]]:
    """Yield each package, what wants it, and its programs."""
    for line in Path(__file__).with_suffix(".txt").read_text(encoding="utf-8").splitlines():
        if line and not line.startswith("#"):
            package, wanted, *programs = line.split()
            yield package, set(wanted.split(",")), programs


def found(program: str) -> str | None:
    """Return the path of a program, wherever it lies, or of the first file of a pattern; None where there is none."""
    if program.startswith("/"):
        return next(map(str, Path("/").glob(program.lstrip("/"))), None)
    return shutil.which(program, path=f"{os.environ.get('PATH', '')}:{_PLACES}")


def package_of(program: str) -> str:
    """Return the package that brings a program; KeyError where the list has none."""
    return {name: package for package, _, programs in listed() for name in programs}[program]


def missing(wanted: Collection[str]) -> list[str]:
    """Return the packages for ``wanted`` of which a program is not there."""
    return [package for package, by, programs in listed() if by & {*wanted} and not all(map(found, programs))]


def install(packages: list[str]) -> str:
    """Install packages and return what the operator should know."""
    left = f"not installed: {' '.join(packages)}: tests that need them are skipped"
    if os.environ.get("INSTALL") == "no":
        return f"{left} (INSTALL=no)"
    if os.geteuid() != 0 or shutil.which("apt-get") is None:
        return f"{left} (as root on Debian or Ubuntu they are installed)"
    print(f"installing {' '.join(packages)} (INSTALL=no leaves them out)", flush=True)  # noqa: T201
    _apt("update")
    there = [package for package in packages if _offered(package)]
    with _no_services():
        done = _apt("install", "--yes", "--no-install-recommends", *there)
    gone = [package for package in packages if package not in there or done]
    return (
        f"apt-get has none of, or could not install: {' '.join(gone)}: tests that need them are skipped" if gone else ""
    )


def _apt(*words: str) -> int:
    environment = {**os.environ, "DEBIAN_FRONTEND": "noninteractive"}
    done = subprocess.run(["apt-get", "--quiet=2", *words], env=environment, check=False, stdout=subprocess.DEVNULL)
    return done.returncode


def _offered(package: str) -> bool:
    """Tell whether this release has a package: one that it lacks would keep apt-get from all others."""
    done = subprocess.run(["apt-cache", "policy", package], capture_output=True, text=True, check=False)
    return "Candidate:" in done.stdout and "Candidate: (none)" not in done.stdout


@contextmanager
def _no_services() -> Iterator[None]:
    """Keep packages from starting their services: the tests run their own."""
    if _POLICY.exists():
        yield
        return
    _POLICY.write_text("#!/bin/sh\nexit 101\n", encoding="ascii")
    try:
        _POLICY.chmod(0o755)
        yield
    finally:
        _POLICY.unlink()


if __name__ == "__main__":
    if lacking := missing(sys.argv[1:]):
        print(install(lacking))  # noqa: T201
