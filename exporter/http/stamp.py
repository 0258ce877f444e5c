"""Has a file changed?"""

from __future__ import annotations

import os
import time

Stamp = tuple[int, int, int, int]
_TICK = 50_000_000  # nanoseconds within which two changes of a file may have the same time


def stamp(path: str) -> Stamp:
    """Return a value that changes when a file is changed or replaced."""
    try:
        stat = os.stat(path)  # noqa: PTH116
    except OSError as error:
        return 0, 0, 0, error.errno or 0
    if abs(time.time_ns() - stat.st_ctime_ns) < _TICK:
        return 0, 0, 0, -time.monotonic_ns()  # unique: the next change may have the same time
    return stat.st_mtime_ns, stat.st_ctime_ns, stat.st_size, stat.st_ino
