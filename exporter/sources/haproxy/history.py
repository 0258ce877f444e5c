"""How were sessions, rates, errors and check times in the last quarter of an hour, and which states have changed?

A sample is taken of a reading of the table, whoever wanted that, at most every 30 seconds. 5000 servers take 6 MB.
"""

from __future__ import annotations

from array import array
from collections import deque
from itertools import pairwise
from threading import Lock
from typing import TYPE_CHECKING, NamedTuple

from vipwarden.node.haproxy.socket import SERVER

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence

    from vipwarden.node.haproxy.table import Table

    Key = tuple[bytes, bytes]  # proxy and server
    Names = tuple[list[bytes], list[bytes]]
    Columns = tuple[array[int], ...]

STEP = 30.0  # seconds between two samples, as of the frame
POINTS = 30
HOUR = 3600.0
_EARLY = 1.0  # seconds that a sample may be early
_MOST_ROWS = 20_000
_MOST_CHANGES = 10_000
_NOTHING = -1
SESSIONS, TOTAL, ERRORS, CHECK = range(4)
_COLUMNS = (("i", ("scur",)), ("q", ("stot",)), ("q", ("econ", "eresp")), ("i", ("check_duration",)))
_DIGITS = 10  # of a number that is larger than an array's int


class Change(NamedTuple):
    """A server that has got into another state, on the monotonic clock."""

    when: float
    key: Key
    status: bytes


class Past(NamedTuple):
    """What is known of the last hour: of each of SESSIONS, TOTAL, ERRORS and CHECK the columns of rows at ``times``."""

    places: Mapping[Key, int] = {}
    times: tuple[float, ...] = ()
    columns: tuple[Columns, ...] = ((), (), (), ())
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
        return [(at, value) for at, value in zip(steps, values, strict=True) if value != _NOTHING and at >= 0]

    def rate(self, key: Key, what: int) -> list[tuple[int, float]]:
        """Return the growth of a counter per second between the samples, none across a reset."""
        pairs = self.gauge(key, what)
        return [
            (at, (new - old) / STEP / (at - before))
            for (before, old), (at, new) in pairwise(pairs)
            if new >= old and at > before
        ]

    def ticks(self, now: float) -> dict[Key, list[tuple[int, bytes]]]:
        """Return the changes by row: in which minute of the last hour, to which state."""
        known: dict[Key, list[tuple[int, bytes]]] = {}
        for change in self.changes:
            if (minute := 60 - round((now - change.when) / 60)) >= 0:
                known.setdefault(change.key, []).append((minute, change.status))
        return known


class History:
    """The past of one HAProxy."""

    def __init__(self) -> None:
        self._lock = Lock()
        self._names: Names = ([], [])
        self._status: list[bytes] = []
        self._past = Past()

    def take(self, when: float, table: Table) -> Past:
        """Add a reading and return what is known with it; ``when`` is on the monotonic clock."""
        names, status = (table.column("pxname"), table.column("svname")), table.column("status")
        if len(status) > _MOST_ROWS:
            return Past()
        with self._lock:
            before: Sequence[bytes] = self._status
            if names != self._names:
                known = dict(zip(zip(*self._names, strict=True), self._status, strict=True))
                before = [known.get(key, b"") for key in zip(*names, strict=True)]
                self._past = _moved(self._past, names)
            if status != before:
                changes = deque(self._past.changes, _MOST_CHANGES)
                changes.extend(_changes(when, table, before))
                self._past = self._past._replace(changes=tuple(changes))
            self._names, self._status = names, status
            times = self._past.times
            if not times or when - times[-1] >= STEP - _EARLY:
                new = (_numbers(table, kind, columns) for kind, columns in _COLUMNS)
                columns = tuple((*old[-POINTS:], one) for old, one in zip(self._past.columns, new, strict=True))
                recent = tuple(change for change in self._past.changes if change.when > when - HOUR)
                self._past = Past(self._past.places, (*times[-POINTS:], when), columns, recent)
            return self._past


def _moved(past: Past, names: Names) -> Past:
    """Return the past with its columns in the order of a table with other rows."""
    places = {key: place for place, key in enumerate(zip(*names, strict=True))}
    old = [past.places.get(key) for key in zip(*names, strict=True)]
    columns = tuple(
        tuple(array(it.typecode, [_NOTHING if at is None else it[at] for at in old]) for it in each)
        for each in past.columns
    )
    return past._replace(places=places, columns=columns)


def _changes(when: float, table: Table, before: Sequence[bytes]) -> Iterator[Change]:
    """Yield the servers that have got into another state, also those seen for the first time that were down before."""
    columns = (table.column(name) for name in ("type", "pxname", "svname", "status", "lastchg", "chkdown"))
    server = SERVER.encode()
    for old, kind, proxy, name, new, since, downs in zip(before, *columns, strict=True):
        if old == new or kind != server or old.partition(b" ")[0] == new.partition(b" ")[0]:
            continue
        ago = int(since) if since.isdigit() and len(since) < _DIGITS else 0
        if ago < HOUR and (old or downs.strip(b"0")):
            yield Change(when - ago, (proxy, name), new)


def _numbers(table: Table, kind: str, columns: Sequence[str]) -> array[int]:
    """Return the sums of columns, NOTHING for rows that have no number in any."""
    most = _DIGITS if kind == "i" else 2 * _DIGITS
    first, *others = (
        [int(value) if value.isdigit() and len(value) < most else _NOTHING for value in table.column(name)]
        for name in columns
    )
    for other in others:
        first = [max(a, 0) + max(b, 0) if a >= 0 or b >= 0 else _NOTHING for a, b in zip(first, other, strict=True)]
    return array(kind, first)


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
