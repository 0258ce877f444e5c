"""Real transactions of dnf in a root, over a repository with our packages and stand-ins for what a distribution has."""

from __future__ import annotations

import os
import shutil
import subprocess
from typing import TYPE_CHECKING

from tests.commands import program
from tests.packaging.building import run

if TYPE_CHECKING:
    from pathlib import Path

    from tests.packaging.roots import Root

_SPEC = """\
Name: {name}
Version: {version}
Release: 1
Summary: Stand-in
License: MIT
BuildArch: noarch
{provides}
%description
Stand-in.
%install
mkdir -p %{{buildroot}}/usr/bin
{script}
%files
{files}
"""
_SYSTEM = ("shadow-utils", "coreutils", "findutils", "util-linux", "grep", "/usr/bin/kill", "systemd", "/bin/sh")


def stand_in(scratch: Path, name: str, version: str, provides: tuple[str, ...], file: str = "") -> Path:
    """Build a package that provides what others want; ``file`` is one that starts the root's own Python."""
    script = f"printf '#!/bin/sh\\nexec /usr/bin/python3.own \"$@\"\\n' > %{{buildroot}}{file}" if file else ""
    spec = scratch / f"{name}.spec"
    spec.write_text(
        _SPEC.format(
            name=name,
            version=version,
            provides="\n".join(f"Provides: {one}" for one in provides),
            script=script,
            files=f"%attr(0755,root,root) {file}" if file else "",
        )
    )
    run("rpmbuild", "-bb", "--quiet", "--define", f"_topdir {scratch}", spec)
    return next((scratch / "RPMS").rglob(f"{name}-{version}-*.rpm"))


def system(scratch: Path, python: str) -> Path:
    """Build the stand-in of a distribution with a Python."""
    return stand_in(scratch, "system", python, (f"python(abi) = {python}", *_SYSTEM))


class Dnf:
    """dnf for one root, with one repository."""

    def __init__(self, root: Root, repository: Path) -> None:
        self.root = root
        self.repository = repository
        (repository / ".log").mkdir(parents=True)

    def offer(self, *folders: Path) -> None:
        """Put packages into the repository."""
        for path in (path for folder in folders for path in ([folder] if folder.is_file() else folder.glob("*.rpm"))):
            if ".src." not in path.name:
                shutil.copy(path, self.repository)
        run(program("createrepo_c"), "--quiet", self.repository)

    def __call__(self, *words: str, code: int = 0) -> str:
        """Run a transaction and return what was said."""
        command = [
            program("dnf"), "-y", "--noplugins", f"--installroot={self.root.path}", "--releasever=9", "--nogpgcheck",
            "--setopt=reposdir=/nonexistent", "--setopt=keepcache=0", "--setopt=install_weak_deps=0", "--refresh",
            f"--setopt=cachedir={self.repository}/.cache", f"--setopt=logdir={self.repository}/.log",
            f"--repofrompath=local,file://{self.repository}", "--repo=local", *words,
        ]  # fmt: skip
        done = subprocess.run(
            command, capture_output=True, check=False, text=True, env={**os.environ, "LC_ALL": "C.UTF-8"}
        )
        assert done.returncode == code, f"dnf {words}: {done.stdout}{done.stderr}"
        return done.stdout + done.stderr
