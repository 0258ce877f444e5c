"""Builds the packages from a copy of the source, as `make rpm` and `make deb` do."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from functools import cache
from pathlib import Path
from tempfile import mkdtemp

import pytest

from tests.commands import CODE, program
from vipwarden import VERSION

EPOCH = "1700000000"
NEXT = "0.1.99"
WHEELS = CODE / "build" / "wheels"


def run(*command: str | Path, cwd: Path = CODE, **more: str) -> str:
    """Run a command to a good end and return its output."""
    done = subprocess.run(command, capture_output=True, check=False, text=True, cwd=cwd, env={**os.environ, **more})
    assert done.returncode == 0, f"{command}: {done.stdout[-2000:]}{done.stderr[-2000:]}"
    return done.stdout


@cache
def wheels() -> Path:
    """Return the folder of the wheels, fetched where they are missing."""
    run("make", "wheels")
    return WHEELS


def copy(target: Path, version: str = VERSION, source: Path = CODE) -> Path:
    """Copy the source, as another version where one is given."""
    ignored = shutil.ignore_patterns(".*", "build", "dist", "*.egg-info", "__pycache__")
    shutil.copytree(source, target, ignore=ignored)
    (target / "build").mkdir()
    shutil.copytree(wheels(), target / "build" / "wheels", ignore=shutil.ignore_patterns(".*"))
    if version != VERSION:
        for name in ("vipwarden/__init__.py", "packaging/rpm/vipwarden.spec", "packaging/deb/debian/changelog"):
            path = target / name
            path.write_text(path.read_text().replace(VERSION, version, 1))
    return target


def build(source: Path, kind: str, version: str = VERSION) -> Path:
    """Build packages of one kind, rpm or deb, and return their folder."""
    run(sys.executable, "packaging/dist.py", "dist", cwd=source, SOURCE_DATE_EPOCH=EPOCH)
    run(f"packaging/{kind}/build.sh", sys.executable, version, cwd=source, SOURCE_DATE_EPOCH=EPOCH)
    return source / "dist"


@cache
def packages(kind: str, version: str = VERSION) -> Path:
    """Return the folder of the packages of one kind, built once in a run of the tests."""
    for name in ("rpmbuild",) if kind == "rpm" else ("dpkg-buildpackage", "dh"):
        program(name)
    return build(copy(_scratch() / f"{kind}-{version}", version), kind, version)


@cache
def _scratch() -> Path:
    return Path(mkdtemp(prefix="vipwarden-packages-"))


def forget() -> None:
    """Remove what was built."""
    if _scratch.cache_info().currsize:
        shutil.rmtree(_scratch())
    packages.cache_clear()
    _scratch.cache_clear()


def needs_root() -> None:
    """Skip, or fail in CI, where this user cannot make a root of its own."""
    if os.geteuid() != 0:
        (pytest.fail if os.environ.get("CI") else pytest.skip)("needs root: it mounts and changes root")
