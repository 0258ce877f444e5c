"""Which clocks are there? boot, monotonic and wall, all in seconds.

``boot`` counts from the start of the kernel, sleep included (CLOCK_BOOTTIME, as /proc/uptime shows it but under lxcfs);
it never steps back, all processes of a node agree on it, and so files carry its stamps. ``monotonic`` measures
durations and deadlines within one process, without sleep. ``wall`` is the time of the epoch, for people: it may step.
"""

from __future__ import annotations

import posix
from time import CLOCK_BOOTTIME, clock_gettime, monotonic
from time import time as wall

__all__ = ["boot", "boot_id", "monotonic", "wall"]
_BOOT = "/proc/sys/kernel/random/boot_id"
_known: list[str] = []  # the id, once it was read


def boot() -> float:
    """Return the seconds since boot."""
    return clock_gettime(CLOCK_BOOTTIME)


def boot_id() -> str:
    """Return the id of this boot, which tells whether a stamp of boot() counts; raises OSError without /proc."""
    if not _known:
        source = posix.open(_BOOT, posix.O_RDONLY | posix.O_CLOEXEC)
        try:
            _known.append(posix.read(source, 64).decode("ascii", "replace").strip())
        finally:
            posix.close(source)
    return _known[0]
