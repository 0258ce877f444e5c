"""Is each clock the one that its name says?"""

from __future__ import annotations

import time
from pathlib import Path

from vipwarden.state import clock


def test_boot_is_the_clock_of_proc_uptime() -> None:
    """It counts from boot and goes on in sleep."""
    before = float(Path("/proc/uptime").read_text().split()[0])
    assert before <= clock.boot() + 0.01
    assert clock.boot() < before + 30


def test_monotonic_and_wall_are_those_of_the_standard_library() -> None:
    """Under one name each."""
    assert (clock.monotonic, clock.wall) == (time.monotonic, time.time)
