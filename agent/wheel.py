"""What falls due next? Things gathered by the tick in which they do, so that one waking serves many."""

from __future__ import annotations

from heapq import heappop, heappush
from typing import TYPE_CHECKING, Generic, TypeVar

if TYPE_CHECKING:
    from collections.abc import Iterator

T = TypeVar("T")
TICK = 0.02  # seconds; each waking of an event loop costs as much as a check


class Wheel(Generic[T]):
    """Things by the end of the tick that their time lies in: never early, and late by one tick at most."""

    __slots__ = ("_order", "_slots")

    def __init__(self) -> None:
        self._slots: dict[int, list[T]] = {}
        self._order: list[int] = []

    def add(self, when: float, thing: T) -> float:
        """Put a thing down for a time; return the time at which its tick ends."""
        slot = int(when / TICK) + 1
        things = self._slots.get(slot)
        if things is None:
            things = self._slots[slot] = []
            heappush(self._order, slot)
        things.append(thing)
        return slot * TICK

    @property
    def next(self) -> float:
        """The time at which something falls due; infinity where nothing ever will."""
        return self._order[0] * TICK if self._order else float("inf")

    def due(self, now: float) -> Iterator[T]:
        """Take out what has fallen due; what is added meanwhile waits for its own tick."""
        while self._order and self._order[0] * TICK <= now:
            yield from self._slots.pop(heappop(self._order))
