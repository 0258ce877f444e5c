"""Why is memory not given back to the kernel between two scrapes?

A scrape of thousands of servers fills tens of megabytes and frees them again. glibc returns them at once, and the next
scrape has the kernel clear every page anew: measured at 5000 servers, that costs as much CPU as all the rest. What was
once needed is needed again in seconds, so it is kept, and kept in one arena for all threads.
"""

from __future__ import annotations

import ctypes

_TRIM_THRESHOLD, _MMAP_THRESHOLD, _ARENA_MAX = -1, -3, -8  # mallopt(3)
_MOST_MAPPED = 32 << 20  # the most that glibc takes for it
_MOST_KEPT = 256 << 20


def keep_memory() -> None:
    """Tell the allocator of this process; does nothing where it is not glibc's."""
    mallopt = getattr(ctypes.CDLL(None), "mallopt", None)
    if mallopt is not None:
        mallopt(_ARENA_MAX, 1)
        mallopt(_MMAP_THRESHOLD, _MOST_MAPPED)
        mallopt(_TRIM_THRESHOLD, _MOST_KEPT)
