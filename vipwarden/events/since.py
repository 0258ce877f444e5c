"""Where in the segments does a time begin and end? What is before and after it need not be read.

Segments are in the order of writing, and events are written within seconds. So the first and last event of each boot in
a segment and a bisection between them tell where to begin and end. Times are those of the wall clock as it was after
the last step of a boot: its last event counts, wherever that is.
"""

from __future__ import annotations

import os
from contextlib import suppress
from math import inf
from typing import TYPE_CHECKING, NamedTuple

from vipwarden.events.event import MOST_LINE, decode
from vipwarden.events.order import SLEW, STEP
from vipwarden.events.stored import blocks, lines

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from vipwarden.events.event import Event

_APART = 120.0  # seconds: written late, and causes and consequences of what is asked for
_FEW = 1 << 16  # bytes: less is not worth a look


class Part(NamedTuple):
    """A part of a file, from an offset to another; to its end where that is None."""

    path: str
    at: int = 0
    end: int | None = None


class Clocks:
    """The time of an event by the wall clock at the end of its boot; asked from the last event to the first."""

    def __init__(self) -> None:
        self.ends: dict[str, Event] = {}  # the last event of each boot

    def is_before(self, event: Event, since: float) -> bool:
        """Return whether an event, and what was written before it, was before a time for sure."""
        time, doubt = self._time(event)
        return time + doubt < since

    def is_after(self, event: Event, until: float) -> bool:
        """Return whether an event, and what was written after it, was after a time for sure."""
        time, doubt = self._time(event)
        return time - doubt > until

    def _time(self, event: Event) -> tuple[float, float]:
        end = self.ends.setdefault(event.bid, event)
        passed = max(0.0, end.boot - event.boot)
        return end.wall - passed, STEP + SLEW * passed + _APART


def window(paths: Sequence[str], since: float, until: float = inf) -> tuple[list[Part], list[Event]]:
    """Return the parts of segments that may hold events from a time to another, and the last event of each boot."""
    clocks = Clocks()
    found: list[Part] = []
    for path in reversed(paths):
        with suppress(FileNotFoundError), open(path, "rb") as segment:  # noqa: PTH123
            file = segment.fileno()
            for at, end, first, last in _regions(file, 0, os.fstat(file).st_size):
                if first is None or last is None:
                    ends = {it.bid: it for line in lines(blocks(path, at, end)) if (it := decode(line)) is not None}
                    clocks.ends = ends | clocks.ends
                    found.append(Part(path, at, end))
                elif not clocks.is_before(last, since) and not clocks.is_after(first, until):
                    low, _ = _bisect(file, at, end, lambda it: clocks.is_before(it, since))
                    _, high = _bisect(file, at, end, lambda it: not clocks.is_after(it, until))
                    found.append(Part(path, low, min(end, high + MOST_LINE)))
    return found[::-1], list(clocks.ends.values())


def _regions(file: int, at: int, end: int) -> Iterator[tuple[int, int, Event | None, Event | None]]:
    """Yield regions of a segment, the last first, with their first and last event where all are of one boot."""
    first, last = _first(file, at), _last(file, at, end)
    if first is not None and last is not None and first.bid == last.bid:
        yield at, end, first, last
    elif end - at <= _FEW:
        yield at, end, None, None
    else:
        middle = (at + end) // 2
        yield from _regions(file, middle - MOST_LINE, end)  # with the line in the middle
        yield from _regions(file, at, middle)


def _bisect(file: int, low: int, high: int, is_early: Callable[[Event], bool]) -> tuple[int, int]:
    """Return two offsets in a region of one boot: before the first all is early, behind the second nothing is."""
    while high - low > _FEW:
        middle = (low + high) // 2
        event = _first(file, middle)
        if event is None:
            return low, high
        if is_early(event):
            low = middle
        else:
            high = middle
    return low, high


def _first(file: int, at: int) -> Event | None:
    """Return the first event that begins behind an offset, or at 0."""
    lines = os.pread(file, 4 * MOST_LINE, at).split(b"\n")
    return next((event for text in lines[bool(at) : -1] if (event := decode(text)) is not None), None)


def _last(file: int, begin: int, end: int) -> Event | None:
    """Return the last event of a region."""
    at = max(begin, end - 4 * MOST_LINE)
    lines = os.pread(file, end - at, at).split(b"\n")
    return next((event for text in reversed(lines[bool(at) :]) if (event := decode(text)) is not None), None)
