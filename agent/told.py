"""What is keepalived told of a check: its verdict, or in maintenance what its entry says for that?"""

from __future__ import annotations

from typing import TYPE_CHECKING

from agent import value
from agent.health import Health
from vipwarden.core.result import CRITICAL, State
from vipwarden.state.verdict import DRAIN, HOLD

if TYPE_CHECKING:
    from collections.abc import Sequence

    from vipwarden.config.entry import Entry
    from vipwarden.core.result import Metric
    from vipwarden.state.maintenance import Maintenance


class Told:
    """What keepalived and compositions are told in place of the verdict ``health`` while there is a ``record``."""

    __slots__ = ("_entry", "_health", "_held", "_value", "record")

    def __init__(self, entry: Entry, health: Health) -> None:
        self._entry = entry
        self._health = health
        self._held: State | None = None  # from the first verdict of the maintenance on
        self._value: int | None = None  # of the track file, with it
        self.record: Maintenance | None = None

    def follow(self, record: Maintenance | None) -> bool:
        """Begin, prolong or end a maintenance; return whether that changes anything."""
        if record is None:
            self._held = self._value = None
        before, self.record = self.record, record
        return before != record

    def remember(self, word: str) -> None:
        """Hold what an earlier agent held, by the word in its verdict."""
        if word.startswith(HOLD):
            self._held = State(word.removeprefix(HOLD))

    def inherit(self, old: Told) -> None:
        """Hold what was held under the configuration before."""
        self._held = old._held

    @property
    def verdict(self) -> Health:
        """The verdict that compositions are told."""
        if self.record is None:
            return self._health
        told = Health(1, 1, self._health.worst)
        told.state = CRITICAL if self._entry.in_maintenance != HOLD else self._hold()
        return told

    def _hold(self) -> State | None:
        if self._held is None:
            self._held = self._health.state
        return self._held

    def value(self, metrics: Sequence[Metric]) -> int:
        """Return the value that the track file has to hold; ``metrics`` are those of the last result."""
        weight = self._entry.weight
        if self.record is None:
            return value.value(weight, self._health, metrics)
        if self._entry.in_maintenance != HOLD:
            loss = value.loss(weight)
            return min(0, loss) if self._entry.in_maintenance == DRAIN else loss
        if self._value is not None:
            return self._value
        held = value.value(weight, self.verdict, metrics)
        if self._held is not None:
            self._value = held
        return held

    @property
    def word(self) -> str:
        """The word for the verdict file, empty without a maintenance."""
        if self.record is None:
            return ""
        action = self._entry.in_maintenance
        return action if action != HOLD else f"{HOLD}{3 if (held := self._hold()) is None else int(held)}"
