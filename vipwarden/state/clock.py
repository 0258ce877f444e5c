"""Which clocks are there? boot, monotonic and wall, all in seconds.

``boot`` counts from the start of the kernel, sleep included (CLOCK_BOOTTIME, as /proc/uptime shows it but under lxcfs);
it never steps back, all processes of a node agree on it, and so files carry its stamps. ``monotonic`` measures
durations and deadlines within one process, without sleep. ``wall`` is the time of the epoch, for people: it may step.
"""

from __future__ import annotations

from time import CLOCK_BOOTTIME, clock_gettime, monotonic
from time import time as wall

__all__ = ["boot", "monotonic", "wall"]


def boot() -> float:
    """Return the seconds since boot."""
    return clock_gettime(CLOCK_BOOTTIME)
