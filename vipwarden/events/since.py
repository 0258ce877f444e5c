"""Where in the segments does a time begin? What is before it need not be read.

Segments are in the order of writing, and events are written within seconds. So the last event of each segment and a
bisection within a segment tell where to begin. Times are those of the wall clock as it was after the last step.
"""

from __future__ import annotations

import os
from contextlib import suppress
from typing import TYPE_CHECKING

from vipwarden.events.event import MOST_LINE, decode
from vipwarden.events.order import SLEW, STEP

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from vipwarden.events.event import Event

_EARLY = 120.0  # seconds: written late, and causes of what is asked for
_FEW = 1 << 16  # bytes: less is not worth a look


class Clocks:
    """The time of an event by the wall clock at the end of its boot; asked from the last event to the first."""

    def __init__(self) -> None:
        self._ends: dict[str, Event] = {}  # the last event of each boot

    def is_before(self, event: Event, since: float) -> bool:
        """Return whether an event, and what was written before it, was before a time for sure."""
        end = self._ends.setdefault(event.bid, event)
        passed = max(0.0, end.boot - event.boot)
        return end.wall - passed + STEP + SLEW * passed + _EARLY < since


def begin(paths: Sequence[str], since: float) -> list[tuple[str, int]]:
    """Return the segments that may hold events of a time or later, and from which offset on."""
    clocks = Clocks()
    found = []
    for path in reversed(paths):
        with suppress(FileNotFoundError), open(path, "rb") as segment:  # noqa: PTH123
            file, size = segment.fileno(), os.fstat(segment.fileno()).st_size
            first, last = _first(file, 0), _last(file, size)
            if first is None or last is None or first.bid != last.bid:
                found.append((path, 0))  # of several boots, whose clocks may have been wrong
            elif not clocks.is_before(last, since):
                found.append((path, _bisect(file, size, lambda it: clocks.is_before(it, since))))
    return found[::-1]


def _bisect(file: int, size: int, is_before: Callable[[Event], bool]) -> int:
    """Return an offset in a segment of one boot before which all is before a time."""
    low, high = 0, size
    while high - low > _FEW:
        middle = (low + high) // 2
        event = _first(file, middle)
        if event is not None and is_before(event):
            low = middle
        else:
            high = middle
    return low


def _first(file: int, at: int) -> Event | None:
    """Return the first event that begins behind an offset, or at 0."""
    lines = os.pread(file, 4 * MOST_LINE, at).split(b"\n")
    return next((event for text in lines[bool(at) : -1] if (event := decode(text)) is not None), None)


def _last(file: int, size: int) -> Event | None:
    """Return the last event of a segment of ``size`` bytes."""
    at = max(0, size - 4 * MOST_LINE)
    lines = os.pread(file, 4 * MOST_LINE, at).split(b"\n")
    return next((event for text in reversed(lines[bool(at) :]) if (event := decode(text)) is not None), None)
