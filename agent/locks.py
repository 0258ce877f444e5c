"""Which processes use a runtime folder? The agent, and the watchdogs that no successor has ended yet.

A held lock is no proof of life: a process that dies keeps its locks for a moment, and a stopped one for as long as it
is stopped. So nothing is left to another process because of its lock alone. A free lock proves that there is nobody,
and the kernel names the process that holds a record lock (fcntl(2), F_GETLK).
"""

from __future__ import annotations

import posix
from fcntl import F_GETLK, F_UNLCK, F_WRLCK, LOCK_EX, LOCK_NB, LOCK_SH, fcntl, flock, lockf

from vipwarden.state import files, paths

_FLOCK = "hhqqi0q"  # struct flock of fcntl(2): type, whence, start, length, process


def lock(runtime: str) -> int | None:
    """Take the agent's lock and return its descriptor, or None where another process has it; raises OSError."""
    descriptor = files.lock(paths.agent("lock", runtime))
    try:
        flock(descriptor, LOCK_EX | LOCK_NB)
    except BlockingIOError:
        posix.close(descriptor)
        return None
    except OSError:
        posix.close(descriptor)
        raise
    return descriptor


def watchdog(runtime: str) -> str:
    """Return the file that watchdogs lock, and touch when they are asked for a sign of life."""
    return paths.agent("watchdog", runtime)


def register(runtime: str) -> int:
    """Register this process as a watchdog for as long as it lives; return the descriptor; raises OSError.

    Each locks the byte of its PID; equal PIDs of different PID namespaces share it.
    """
    descriptor = files.lock(watchdog(runtime))
    lockf(descriptor, LOCK_SH | LOCK_NB, 1, posix.getpid())
    return descriptor


def watchdogs(runtime: str) -> list[int]:
    """Return the PIDs of all watchdogs, 0 for those of PID namespaces that cannot be seen; raises OSError."""
    import struct

    descriptor = files.lock(watchdog(runtime))
    processes: list[int] = []
    start = 0
    try:
        while True:
            query = struct.pack(_FLOCK, F_WRLCK, 0, start, 0, 0)
            kind, _, first, length, pid = struct.unpack(_FLOCK, fcntl(descriptor, F_GETLK, query))
            if kind == F_UNLCK:
                return processes
            processes.append(max(0, pid))
            start = first + length
    finally:
        posix.close(descriptor)
