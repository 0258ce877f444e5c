"""A small Debian of its own to install into: made once by debootstrap, and given out as a fresh layer over it."""

from __future__ import annotations

import os
import shutil
import subprocess
from contextlib import contextmanager
from pathlib import Path
from threading import Lock, Thread
from typing import TYPE_CHECKING
from zlib import crc32

import pytest

from tests.commands import CODE, program
from tests.packaging.building import needs_root

if TYPE_CHECKING:
    from collections.abc import Iterator

PYTHONS = {"bookworm": "3.11", "trixie": "3.13"}
_BOOTED = "systemd,systemd-sysv,dbus,keepalived,iproute2,procps,curl,adduser"
_MORE = {"bookworm": "", "trixie": ",rpm"}
_INCLUDE = {release: f"--include=python3,{_BOOTED}{more}" for release, more in _MORE.items()}
_LOCKS = {release: Lock() for release in PYTHONS}
_PLACE = CODE / "build" / "roots"


def base(release: str) -> Path:
    """Return a root of a release of Debian that nobody has touched; it takes a minute when there is none yet."""
    needs_root()
    with _LOCKS[release]:
        return _made(release, _PLACE / f"{release}-{crc32(_INCLUDE[release].encode()):08x}")


def prepare() -> None:
    """Begin to make the roots that there are not, while something else is done."""
    if os.geteuid() == 0 and shutil.which("debootstrap"):
        for release in PYTHONS:
            Thread(target=base, args=(release,), daemon=True).start()


def _made(release: str, made: Path) -> Path:
    if not made.exists():
        aside = _PLACE / f".{release}.{os.getpid()}"
        shutil.rmtree(aside, ignore_errors=True)
        aside.parent.mkdir(parents=True, exist_ok=True)
        command = [program("debootstrap"), "--variant=minbase", _INCLUDE[release], release, str(aside)]
        done = subprocess.run(command, capture_output=True, check=False, text=True)
        if done.returncode:
            shutil.rmtree(aside, ignore_errors=True)
            (pytest.fail if os.environ.get("CI") else pytest.skip)(f"no root of {release}: {done.stdout[-300:]}")
        shutil.rmtree(aside / "var/cache/apt", ignore_errors=True)
        aside.rename(made)
    return made


class Root:
    """A root of its own for one test or a few."""

    def __init__(self, path: Path, release: str) -> None:
        self.path = path
        self.python = PYTHONS[release]

    def run(self, *command: str | Path, code: int | None = 0) -> str:
        """Run a command in it, with a /proc, and return what it said; any code but ``code`` fails the test."""
        apart = [program("unshare"), "--mount", "--", program("sh"), "-ec"]
        script = 'mount -t proc proc "$1/proc"; root=$1; shift; exec chroot "$root" "$@"'
        done = subprocess.run(
            [*apart, script, "sh", self.path, *command], capture_output=True, check=False, text=True,
            env={"PATH": "/usr/sbin:/usr/bin:/sbin:/bin", "LC_ALL": "C.UTF-8", "DEBIAN_FRONTEND": "noninteractive"},
        )  # fmt: skip
        said = done.stdout + done.stderr
        assert code is None or done.returncode == code, f"{command} left with {done.returncode}: {said}"
        return said

    def files(self) -> dict[str, tuple[int, int, int]]:
        """Return mode, user and group of everything in it but what every program leaves behind."""
        found = {}
        for folder, folders, names in os.walk(self.path):
            inside = "/" + os.path.relpath(folder, self.path).removeprefix(".").lstrip("/")
            if inside in ("/proc", "/sys", "/dev", "/run/lock"):
                folders.clear()
                continue
            for name in (*folders, *names):
                status = Path(folder, name).lstat()
                found[f"{inside.rstrip('/')}/{name}"] = (status.st_mode, status.st_uid, status.st_gid)
        return found


@contextmanager
def root(release: str, scratch: Path) -> Iterator[Root]:
    """Give out a root of a release."""
    below = base(release)
    for name in ("upper", "work", "root"):
        (scratch / name).mkdir(parents=True)
    (scratch / "upper").chmod(0o755)
    path = scratch / "root"
    layers = f"lowerdir={below},upperdir={scratch}/upper,workdir={scratch}/work"
    subprocess.run(["mount", "-t", "overlay", "vipwarden-test", "-o", layers, path], check=True)
    try:
        yield Root(path, release)
    finally:
        subprocess.run(["umount", "--lazy", path], check=True)
