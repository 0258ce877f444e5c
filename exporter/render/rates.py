"""How fast do counters grow, between two readings of the page?"""

from __future__ import annotations

from threading import Lock
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Hashable, Mapping, Sequence

    Counters = Mapping[Any, Sequence[int | bytes]]  # by their object, as numbers or as a source wrote them

_LEAST = 2.0  # seconds between two readings
_MOST = 300.0


class Growth:
    """The growth of counters over ``seconds``, 0 if it is not known yet."""

    def __init__(self, now: Counters, before: Counters, seconds: float) -> None:
        self._now = now
        self._before = before
        self.seconds = seconds

    def of(self, key: Hashable) -> list[float | None]:
        """Return the growth of each counter per second, None if it is new or was reset."""
        now, before = self._now.get(key, ()), self._before.get(key, ())
        if len(before) != len(now) or not self.seconds:
            return [None] * len(now)
        pairs = zip(map(_whole, now), map(_whole, before), strict=True)
        return [(new - old) / self.seconds if new >= old else None for new, old in pairs]


def _whole(value: int | bytes) -> int:
    if isinstance(value, bytes):
        return int(value) if value.isdigit() and len(value) < 20 else 0
    return value


class Rates:
    """Keeps earlier readings, for any number of simultaneous pages."""

    def __init__(self) -> None:
        self._lock = Lock()
        self._base: tuple[float, Counters] | None = None
        self._next: tuple[float, Counters] | None = None

    def take(self, when: float, counters: Counters) -> Growth:
        """Return the growth until ``when``, on the monotonic clock."""
        with self._lock:
            if self._next is not None and when - self._next[0] >= _LEAST:
                self._base, self._next = self._next, None
            if self._next is None:
                self._next = (when, counters)
            if self._base is None or not _LEAST <= when - self._base[0] <= _MOST:
                return Growth(counters, {}, 0)
            return Growth(counters, self._base[1], when - self._base[0])


class Lasting:
    """Keeps since when things are as they are."""

    def __init__(self) -> None:
        self._lock = Lock()
        self._since: dict[Hashable, float] = {}

    def take(self, when: float, what: Sequence[Hashable]) -> dict[Hashable, float]:
        """Return the seconds since each thing was first given, without interruption."""
        with self._lock:
            self._since = {item: self._since.get(item, when) for item in what}
            return {item: when - since for item, since in self._since.items()}
