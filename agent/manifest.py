"""What has to fail when the agent is lost? A small file beside the verdicts, for the watchdog and for ExecStopPost.

It has a line for each check: for how many seconds its last look speaks, the value to put into its track file then
(``hold`` for one that keeps its value, ``none`` where there is no track file), and the name of its files.
"""

from __future__ import annotations

import posix
from fcntl import LOCK_EX, LOCK_NB, LOCK_SH, flock

from agent.trackfile import NEW, fail

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable

NAME = "agent.guard"
LOCK = "agent.lock"  # held by the agent that runs
WATCHDOG = "agent.watchdog"  # held by each watchdog, shared
HOLD, NONE = "hold", "none"


class Guarded:
    """One check as the watchdog knows it."""

    __slots__ = ("file", "limit", "loss")

    def __init__(self, file: str, limit: float, loss: str) -> None:
        self.file = file
        self.limit = limit
        self.loss = loss

    def fail(self, runtime: str) -> bool:
        """Take away what the track file says of a healthy check; return whether that worked."""
        return self.loss in (HOLD, NONE) or fail(f"{runtime}/track/{self.file}", int(self.loss))


def write(runtime: str, guarded: Iterable[Guarded]) -> None:
    """Write the file; raises OSError."""
    aside = f"{runtime}/.{posix.getpid()}.{NAME}"
    data = "".join(f"{one.limit:.3f} {one.loss} {one.file}\n" for one in guarded).encode("utf-8", "surrogateescape")
    out = posix.open(aside, NEW, 0o644)
    try:
        try:
            view = memoryview(data)
            while view:
                view = view[posix.write(out, view) :]
        finally:
            posix.close(out)
        posix.rename(aside, f"{runtime}/{NAME}")
    except OSError:
        posix.unlink(aside)
        raise


def read(runtime: str) -> list[Guarded]:
    """Return what the file holds, nothing where there is none; raises OSError and ValueError."""
    try:
        source = posix.open(f"{runtime}/{NAME}", posix.O_RDONLY | posix.O_NOFOLLOW | posix.O_NONBLOCK | posix.O_CLOEXEC)
    except FileNotFoundError:
        return []
    try:
        data = b"".join(iter(lambda: posix.read(source, 1 << 20), b""))
    finally:
        posix.close(source)
    found = []
    for line in data.decode("utf-8", "surrogateescape").splitlines():
        limit, loss, file = line.split(" ", 2)
        if "/" in file or not file or (loss not in (HOLD, NONE) and not loss.lstrip("-").isdigit()):
            raise ValueError(f"{runtime}/{NAME} does not hold what an agent wrote")
        found.append(Guarded(file, float(limit), loss))
    return found


def lock(runtime: str, name: str = LOCK, *, shared: bool = False) -> int | None:
    """Take a lock and return its descriptor, or None where another process has it; raises OSError."""
    flags = posix.O_RDWR | posix.O_CREAT | posix.O_CLOEXEC | posix.O_NOFOLLOW
    descriptor = posix.open(f"{runtime}/{name}", flags, 0o600)
    try:
        flock(descriptor, (LOCK_SH if shared else LOCK_EX) | LOCK_NB)
    except BlockingIOError:
        posix.close(descriptor)
        return None
    except OSError:
        posix.close(descriptor)
        raise
    return descriptor


def fail_closed(runtime: str) -> int:
    """Fail all at once where neither an agent nor a watchdog is left to do it; return how many could not be failed.

    Raises OSError and ValueError where it cannot be known what to fail.
    """
    held = lock(runtime)
    if held is None:
        return 0
    try:
        last = lock(runtime, WATCHDOG)
        if last is None:
            return 0
        posix.close(last)
        return sum(not one.fail(runtime) for one in read(runtime))
    finally:
        posix.close(held)
