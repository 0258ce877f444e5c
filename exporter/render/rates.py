"""How fast do counters grow? From what the page was told before, never by the kernel's own estimates."""

from __future__ import annotations

from threading import Lock
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Hashable, Mapping, Sequence

    Counters = Mapping[Any, Sequence[int | bytes]]  # by whatever they count for, as numbers or as a source wrote them

_LEAST = 2.0  # seconds between two looks; below that the two say little
_MOST = 300.0  # an average of a longer time is no rate


class Growth:
    """How counters grew over some ``seconds``, which are 0 where nothing is known yet."""

    def __init__(self, now: Counters, before: Counters, seconds: float) -> None:
        self._now = now
        self._before = before
        self.seconds = seconds

    def of(self, key: Hashable) -> list[float | None]:
        """Return growth per second of each counter, None where it is new or was set back."""
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
    """What was read before; several may look at the same time, each as often as it likes."""

    def __init__(self) -> None:
        self._lock = Lock()
        self._base: tuple[float, Counters] | None = None
        self._next: tuple[float, Counters] | None = None

    def take(self, when: float, counters: Counters) -> Growth:
        """Return how they grew until ``when``, in seconds of monotonic()."""
        with self._lock:
            if self._next is not None and when - self._next[0] >= _LEAST:
                self._base, self._next = self._next, None
            if self._next is None:
                self._next = (when, counters)
            if self._base is None or not _LEAST <= when - self._base[0] <= _MOST:
                return Growth(counters, {}, 0)
            return Growth(counters, self._base[1], when - self._base[0])


class Lasting:
    """For how long is something so?"""

    def __init__(self) -> None:
        self._lock = Lock()
        self._since: dict[Hashable, float] = {}

    def take(self, when: float, what: Sequence[Hashable]) -> dict[Hashable, float]:
        """Return for each the seconds since it was first among what is so; what is no more so is forgotten."""
        with self._lock:
            self._since = {item: self._since.get(item, when) for item in what}
            return {item: when - since for item, since in self._since.items()}
