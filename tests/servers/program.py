"""A program under any name, title and user, to be looked for among the processes."""

from __future__ import annotations

import os
import subprocess
import time
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator


@contextmanager
def started(*words: str, executable: str | None = None, user: int | None = None) -> Iterator[subprocess.Popen[bytes]]:
    """Run a command; leaving the block kills it. ``executable`` lets its first word be any title."""
    child = subprocess.Popen(words, executable=executable, user=user, stdout=subprocess.DEVNULL)
    try:
        # the kernel shows the new name a moment before the new command line
        while not Path(f"/proc/{child.pid}/cmdline").read_bytes() and not _is_dead(child):
            time.sleep(0.001)
        yield child
    finally:
        child.kill()
        child.wait()


@contextmanager
def sleeper(folder: Path, name: str, title: str | None = None) -> Iterator[subprocess.Popen[bytes]]:
    """Run a copy of sleep by that name."""
    target = copy(folder, name)
    with started(title or target, "60", executable=target) as child:
        yield child


def copy(folder: Path, name: str) -> str:
    """Return the path of a copy of sleep by that name."""
    target = folder / name
    target.write_bytes(Path("/bin/sleep").read_bytes())
    target.chmod(0o755)
    return str(target)


def until_dead(child: subprocess.Popen[bytes]) -> None:
    """Wait until a child is a zombie, and leave it one."""
    os.waitid(os.P_PID, child.pid, os.WEXITED | os.WNOWAIT)


def _is_dead(child: subprocess.Popen[bytes]) -> bool:
    return os.waitid(os.P_PID, child.pid, os.WEXITED | os.WNOWAIT | os.WNOHANG) is not None
