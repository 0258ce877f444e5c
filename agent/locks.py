"""Who is at work in a runtime folder? One agent, and as many watchdogs as have not yet been relieved.

A lock that is held is no proof of life: a process that dies keeps its locks for a moment, and one that is stopped for
as long as it is. So nobody leaves a thing to others because of a lock alone. What a lock is good for: where it is free
there is nobody, and of a record lock (fcntl(2), F_GETLK) the kernel tells the process.
"""

from __future__ import annotations

import posix
from fcntl import F_GETLK, F_UNLCK, F_WRLCK, LOCK_EX, LOCK_NB, LOCK_SH, fcntl, flock, lockf

AGENT = "agent.lock"
WATCHDOG = "agent.watchdog"
_FLOCK = "hhqqi0q"  # struct flock of fcntl(2): type, whence, start, length, process
_FLAGS = posix.O_RDWR | posix.O_CREAT | posix.O_CLOEXEC | posix.O_NOFOLLOW


def lock(runtime: str) -> int | None:
    """Take the agent's lock and return its descriptor, or None where another process has it; raises OSError."""
    descriptor = posix.open(f"{runtime}/{AGENT}", _FLAGS, 0o600)
    try:
        flock(descriptor, LOCK_EX | LOCK_NB)
    except BlockingIOError:
        posix.close(descriptor)
        return None
    except OSError:
        posix.close(descriptor)
        raise
    return descriptor


def stand(runtime: str) -> int:
    """Let this process be known as a watchdog for as long as it lives; return the descriptor; raises OSError.

    Each locks a byte of its own, that of its number; two of one number, of different PID namespaces, share it.
    """
    descriptor = posix.open(f"{runtime}/{WATCHDOG}", _FLAGS, 0o600)
    lockf(descriptor, LOCK_SH | LOCK_NB, 1, posix.getpid())
    return descriptor


def standing(runtime: str) -> list[int]:
    """Return the numbers of all watchdogs, 0 for one of a PID namespace that cannot be seen; raises OSError."""
    import struct

    descriptor = posix.open(f"{runtime}/{WATCHDOG}", _FLAGS, 0o600)
    found: list[int] = []
    start = 0
    try:
        while True:
            asked = struct.pack(_FLOCK, F_WRLCK, 0, start, 0, 0)
            kind, _, first, length, pid = struct.unpack(_FLOCK, fcntl(descriptor, F_GETLK, asked))
            if kind == F_UNLCK:
                return found
            found.append(max(0, pid))
            start = first + length
    finally:
        posix.close(descriptor)
