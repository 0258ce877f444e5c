"""Builds the packages from a copy of the source, as `make rpm` and `make deb` do; once for all processes of a run."""

from __future__ import annotations

import fcntl
import os
import shutil
import subprocess
import sys
from contextlib import contextmanager
from functools import cache
from pathlib import Path
from tempfile import mkdtemp
from typing import TYPE_CHECKING

import pytest

from checks import VERSION
from tests.commands import CODE, program

if TYPE_CHECKING:
    from collections.abc import Iterator

EPOCH = "1700000000"
NEXT = "0.1.99"
WHEELS = CODE / "build" / "wheels"


def run(*command: str | Path, cwd: Path = CODE, **more: str) -> str:
    """Run a command to a good end and return its output."""
    done = subprocess.run(command, capture_output=True, check=False, text=True, cwd=cwd, env={**os.environ, **more})
    assert done.returncode == 0, f"{command}: {done.stdout[-2000:]}{done.stderr[-2000:]}"
    return done.stdout


@contextmanager
def alone(path: Path) -> Iterator[None]:
    """Let one process at a time make what is at a path."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.with_name(f".{path.name}.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield


@cache
def wheels() -> Path:
    """Return the folder of the wheels, fetched where they are missing."""
    with alone(WHEELS):
        run("make", "wheels")
    return WHEELS


def copy(target: Path, version: str = VERSION, source: Path = CODE) -> Path:
    """Copy the source, as another version where one is given."""
    ignored = shutil.ignore_patterns(".*", "build", "dist", "*.egg-info", "__pycache__")
    shutil.copytree(source, target, ignore=ignored)
    (target / "build").mkdir()
    shutil.copytree(wheels(), target / "build" / "wheels", ignore=shutil.ignore_patterns(".*"))
    if version != VERSION:
        for name in ("checks/__init__.py", "packaging/rpm/vipwarden.spec", "packaging/deb/debian/changelog"):
            path = target / name
            path.write_text(path.read_text().replace(VERSION, version, 1))
    return target


def build(source: Path, kind: str, version: str = VERSION) -> Path:
    """Build packages of one kind, rpm or deb, and return their folder."""
    run(sys.executable, "packaging/dist.py", "dist", cwd=source, SOURCE_DATE_EPOCH=EPOCH)
    run(f"packaging/{kind}/build.sh", sys.executable, version, cwd=source, SOURCE_DATE_EPOCH=EPOCH)
    return source / "dist"


def packages(kind: str, version: str = VERSION) -> Path:
    """Return the folder of the packages of one kind, built once in a run of the tests."""
    for name in ("rpmbuild",) if kind == "rpm" else ("dpkg-buildpackage", "dh"):
        program(name)
    place = scratch() / f"{kind}-{version}"
    with alone(place):
        if not place.exists():
            aside = copy(place.with_name(f"{place.name}.new"), version)
            build(aside, kind, version)
            aside.rename(place)
    return place / "dist"


@cache
def scratch() -> Path:
    """Return the folder of what is built, which the process that runs the tests makes and hands to its helpers."""
    return Path(mkdtemp(prefix="vipwarden-packages-"))


def needs_root() -> None:
    """Skip, or fail in CI, where this user cannot make a root of its own."""
    if os.geteuid() != 0:
        (pytest.fail if os.environ.get("CI") else pytest.skip)("needs root: it mounts and changes root")
