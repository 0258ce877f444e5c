"""What was a number of each row in the last quarter of an hour, and which states have changed in the last hour?

A sample is taken of a reading of the table, whoever wanted that, at most every 30 seconds.
"""

from __future__ import annotations

from array import array
from collections import deque
from itertools import pairwise
from threading import Lock
from typing import TYPE_CHECKING, NamedTuple, Protocol

if TYPE_CHECKING:
    from collections.abc import Callable, Hashable, Iterable, Mapping, Sequence

    Key = Hashable
    Columns = tuple[array[int], ...]

STEP = 30.0  # seconds between two samples, as of the frame
POINTS = 30
HOUR = 3600.0
NOTHING = -1  # of a row that has no number
_EARLY = 1.0  # seconds that a sample may be early
_MOST_ROWS = 20_000
_MOST_CHANGES = 10_000


class Change(NamedTuple):
    """A server that has got into another state, on the monotonic clock."""

    when: float
    key: Key
    status: bytes


class Past(NamedTuple):
    """What is known of the last hour: ``columns`` has for each number the columns of the rows at ``times``."""

    places: Mapping[Key, int] = {}
    times: tuple[float, ...] = ()
    columns: tuple[Columns, ...] = ()
    changes: tuple[Change, ...] = ()

    def outline(self, key: Key, what: int, write: Callable[[float], str], *, is_rate: bool = False) -> tuple[str, str]:
        """Return the outline of a gauge, or of a counter's rate, and what it says; nothing where it is level."""
        place = self.places.get(key)
        if place is None:
            return "", ""
        values = [column[place] for column in self.columns[what]]
        if values.count(values[0]) == len(values):  # most rows
            return "", ""
        return outline(self.rate(key, what) if is_rate else self.gauge(key, what), write)

    def gauge(self, key: Key, what: int) -> list[tuple[int, float]]:
        """Return the values of a row, each with its place among POINTS."""
        place = self.places.get(key)
        if place is None:
            return []
        steps = (round((when - self.times[-1]) / STEP) + POINTS for when in self.times)
        values = (column[place] for column in self.columns[what])
        return [(at, value) for at, value in zip(steps, values, strict=True) if value != NOTHING and at >= 0]

    def rate(self, key: Key, what: int) -> list[tuple[int, float]]:
        """Return the growth of a counter per second between the samples, none across a reset."""
        pairs = self.gauge(key, what)
        return [
            (at, (new - old) / STEP / (at - before))
            for (before, old), (at, new) in pairwise(pairs)
            if new >= old and at > before
        ]

    def ticks(self, now: float) -> Mapping[Key, Sequence[tuple[int, bytes]]]:
        """Return the changes by row: in which minute of the last hour, to which state."""
        known: dict[Key, list[tuple[int, bytes]]] = {}
        for change in self.changes:
            if (minute := 60 - round((now - change.when) / 60)) >= 0:
                known.setdefault(change.key, []).append((minute, change.status))
        return known


class Reading(Protocol):
    """A table as it was read."""

    @property
    def names(self) -> object:
        """What is equal while the table has the same rows."""

    @property
    def states(self) -> Sequence[bytes]:
        """The states of the rows."""

    def keys(self) -> Sequence[Key]:
        """Return the keys of the rows."""

    def changes(self, when: float, before: Sequence[bytes]) -> Iterable[Change]:
        """Return the rows that were in another state, b"" for rows that were not there."""

    def columns(self) -> Columns:
        """Return the numbers of the rows, NOTHING for rows that have none."""


class History:
    """The past of one table; 5000 rows take 6 MB."""

    def __init__(self) -> None:
        self._lock = Lock()
        self._names: object = None
        self._keys: Sequence[Key] = ()
        self._states: Sequence[bytes] = []
        self.past = Past()

    def add(self, when: float, reading: Reading) -> Past:
        """Add a reading and return what is known with it; ``when`` is on the monotonic clock."""
        names, states = reading.names, reading.states
        if len(states) > _MOST_ROWS:
            return Past()
        with self._lock:
            before = self._states
            if names != self._names:
                known = dict(zip(self._keys, before, strict=True))
                self._keys = reading.keys()
                before = [known.get(key, b"") for key in self._keys]
                self.past = _moved(self.past, self._keys)
            if states != before:
                changes = deque(self.past.changes, _MOST_CHANGES)
                changes.extend(reading.changes(when, before))
                self.past = self.past._replace(changes=tuple(changes))
            self._names, self._states = names, states
            times = self.past.times
            if not times or when - times[-1] >= STEP - _EARLY:
                new = reading.columns()
                old = self.past.columns or ((),) * len(new)
                columns = tuple((*each[-POINTS:], one) for each, one in zip(old, new, strict=True))
                recent = tuple(change for change in self.past.changes if change.when > when - HOUR)
                self.past = Past(self.past.places, (*times[-POINTS:], when), columns, recent)
            return self.past


def _moved(past: Past, keys: Sequence[Key]) -> Past:
    """Return the past with its columns in the order of a table with other rows."""
    places = {key: place for place, key in enumerate(keys)}
    old = [past.places.get(key) for key in keys]
    columns = tuple(
        tuple(array(it.typecode, [NOTHING if at is None else it[at] for at in old]) for it in each)
        for each in past.columns
    )
    return past._replace(places=places, columns=columns)


def outline(points: Sequence[tuple[int, float]], write: Callable[[float], str]) -> tuple[str, str]:
    """Return the outline of the values, 10 high, and what it says; nothing for values that are all the same."""
    if len(points) < 2:
        return "", ""
    values = [value for _, value in points]
    low, high = min(values), max(values)
    if low == high:
        return "", ""
    line = " ".join(f"{at} {10 - round(10 * value / high)}" for at, value in points)
    return f"{points[0][0]} 10 {line} {points[-1][0]} 10", f"15 min: {write(low)} to {write(high)}"
