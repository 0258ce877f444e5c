"""What does a kind of guest have to say and to do, User-Mode-Linux or QEMU?"""

from __future__ import annotations

import os
import shutil
import subprocess
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from collections.abc import Sequence

MEMORY = 512 << 20  # bytes that a guest has at most
CACHE = Path(os.environ.get("XDG_CACHE_HOME") or "~/.cache").expanduser() / "vipwarden/lab"  # what kernel.sh fetched
_OURS = '[ "$PPID" = "$0" ] && exec "$@"'  # the parent is still who started us
_PATH = f"{os.environ.get('PATH', '')}:/usr/sbin:/sbin"


class Kind(Protocol):
    """One way to boot a guest whose root is the machine's file system, which it cannot write."""

    name: str
    share: str  # the file system by which the guest mounts the shared folder
    limit: float  # seconds for it to come up on a busy machine

    def missing(self) -> str:
        """Return what of the machine it lacks, nothing where all is there."""

    def libraries(self) -> Path:
        """Return where the kernel's modules are, by release."""

    def boot(self, init: Path, shared: Path, console: int) -> subprocess.Popen[bytes]:
        """Start it, to run ``init`` as its first process; what it says goes to ``console``, which is open."""

    def stuck(self, pid: int, said: str) -> str:
        """Return why it will never come up, as far as can be seen while it runs."""


def find(program: str) -> str:
    """Return the path of a program, root's ones among them; nothing where there is none."""
    return shutil.which(program, path=_PATH) or ""


def lacking(programs: Sequence[str]) -> list[str]:
    """Return those of the programs that are not installed."""
    return [program for program in programs if not find(program)]


def start(
    command: Sequence[str], console: int, *, files: Sequence[int] = (), cwd: Path | None = None, **environment: str
) -> subprocess.Popen[bytes]:
    """Start a guest that ends with whoever started it, however that one ends."""
    return subprocess.Popen(
        # who was killed before the signal was asked for is no longer the parent
        [find("setpriv"), "--pdeathsig", "TERM", "--", "sh", "-c", _OURS, str(os.getpid()), *command],
        cwd=cwd,
        env=os.environ | environment,
        stdin=subprocess.DEVNULL,
        stdout=console,
        stderr=console,
        pass_fds=files,
    )
