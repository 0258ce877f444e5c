"""What is due next? Items gathered by ticks, so that a single wake-up serves many."""

from __future__ import annotations

from heapq import heappop, heappush
from typing import TYPE_CHECKING, Generic, TypeVar

if TYPE_CHECKING:
    from collections.abc import Iterator

T = TypeVar("T")
TICK = 0.02  # seconds; a waking of the event loop costs as much as a check


class Wheel(Generic[T]):
    """Items by the end of the tick in which their time lies: never early, and late by one tick at most."""

    __slots__ = ("_order", "_slots")

    def __init__(self) -> None:
        self._slots: dict[int, list[T]] = {}
        self._order: list[int] = []

    def add(self, when: float, item: T) -> float:
        """Put an item down for a time; return the time at which its tick ends."""
        slot = int(when / TICK) + 1
        items = self._slots.get(slot)
        if items is None:
            items = self._slots[slot] = []
            heappush(self._order, slot)
        items.append(item)
        return slot * TICK

    @property
    def next(self) -> float:
        """When the next tick with an item ends; infinity where there is none."""
        return self._order[0] * TICK if self._order else float("inf")

    def due(self, now: float) -> Iterator[T]:
        """Take out the items that are due; an item added meanwhile waits for its own tick."""
        while self._order and self._order[0] * TICK <= now:
            yield from self._slots.pop(heappop(self._order))
