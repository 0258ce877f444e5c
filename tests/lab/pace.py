"""How much slower than the guest that the scenarios' bounds are made for is this one?

What must come within some seconds is waited for as much longer. What must not change is watched as long as ever, for
keepalived's timers run by the clock.
"""

from __future__ import annotations

import subprocess
import sys
import time
from functools import cache

_USUAL = 0.11  # seconds, by User-Mode-Linux on an idle machine
_MOST = 20.0
_WORK = "for _ in range(100000): pass"


@cache
def factor() -> float:
    """Return by how much, 1 at least and 20 at most: the best of some starts of Python, each with some work to do."""
    return min(max(1.0, round(min(_seconds() for _ in range(5)) / _USUAL, 1)), _MOST)


def _seconds() -> float:
    begun = time.monotonic()
    subprocess.run([sys.executable, "-I", "-S", "-c", _WORK], check=True)
    return time.monotonic() - begun
