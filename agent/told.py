"""What is keepalived told of a check: its verdict, or what takes its place?

A maintenance comes first, and has the effect that the entry says. Then a check that flaps is held down. Then a failure
that a group shares is held back. Nothing of this changes the verdict itself.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from agent import value
from agent.damper import Damper
from agent.health import Health
from vipwarden.core.result import CRITICAL, State
from vipwarden.state.clock import boot
from vipwarden.state.verdict import DAMPENED, DRAIN, HOLD, PANIC, held

if TYPE_CHECKING:
    from collections.abc import Sequence

    from vipwarden.config.entry import Entry
    from vipwarden.core.result import Metric
    from vipwarden.state.maintenance import Maintenance
    from vipwarden.state.verdict import Verdict


class Told:
    """What keepalived and compositions are told in place of the verdict ``health``."""

    __slots__ = ("_entry", "_health", "_held", "_last", "_value", "damper", "kept", "kept_until", "record")

    def __init__(self, entry: Entry, health: Health) -> None:
        self._entry = entry
        self._health = health
        self._held: State | None = None  # from the first verdict of the maintenance on
        self._value: int | None = None  # of the track file, with it
        self.damper = Damper(entry.dampen) if entry.dampen is not None else None
        self.record: Maintenance | None = None
        self.kept: State | None = None  # the state before a failure that is held back
        self.kept_until = 0.0  # by monotonic(), at the latest
        self._last: int | None = None  # value of the track file for the verdict

    def follow(self, record: Maintenance | None) -> bool:
        """Begin, prolong or end a maintenance; return whether that changes anything."""
        if record is None:
            self._held = self._value = None
        else:
            self._hold()
        before, self.record = self.record, record
        return before != record

    def flap(self, now: float) -> bool:
        """Count a flap, as of monotonic ``now``; return whether it is held down from now on.

        In maintenance none counts: somebody works at the service.
        """
        damper = self.damper
        if damper is None or self.record is not None:
            return False
        before = damper.is_suppressed
        damper.flap(now)
        return damper.is_suppressed is not before

    def keep(self, state: State, until: float) -> None:
        """Hold a failure back: the healthy state and value before it are told, until then at the latest."""
        self.kept, self.kept_until = state, until

    def release(self) -> None:
        """Hold nothing back any longer."""
        self.kept = None

    def remember(self, last: Verdict, now: float) -> None:
        """Go on with what an earlier agent held, by its verdict."""
        if last.told.startswith(HOLD):
            self._held = State(last.told.removeprefix(HOLD))
        elif last.told.startswith(DAMPENED) and self.damper is not None:
            self.damper.resume(held(last.told)[1], now - max(0.0, last.age))

    def keep_on(self, last: Verdict, now: float) -> None:
        """Go on holding back what an earlier agent held back, by its verdict that still counts."""
        if last.told.startswith(PANIC):
            state, end = held(last.told)
            if state is not None and state <= self._health.worst:
                self.keep(state, now + end - boot())

    def inherit(self, old: Told, now: float) -> None:
        """Go on with what was held under the configuration before."""
        self._held, self.kept, self.kept_until = old._held, old.kept, old.kept_until
        if self._entry.weight == old._entry.weight:
            self._last = old._last
        if self.damper is not None and old.damper is not None and old.damper.is_suppressed:
            self.damper.resume(old.damper.penalty(now), now)

    @property
    def is_dampened(self) -> bool:
        """Whether it is held down, as it flaps."""
        return self.record is None and self.damper is not None and self.damper.is_suppressed

    @property
    def verdict(self) -> Health:
        """The verdict that compositions are told."""
        if self.record is not None:
            state = self._hold() if self._entry.in_maintenance == HOLD else CRITICAL
        elif self.is_dampened:
            state = CRITICAL
        elif self.kept is not None:
            state = self.kept
        else:
            return self._health
        verdict = Health(1, 1, self._health.worst)
        verdict.state = state
        return verdict

    def _hold(self) -> State | None:
        if self._held is None:
            suppressed = self.damper is not None and self.damper.is_suppressed
            self._held = CRITICAL if suppressed else self._health.state if self.kept is None else self.kept
        return self._held

    def value(self, metrics: Sequence[Metric]) -> int:
        """Return the value that the track file has to hold; ``metrics`` are those of the last result."""
        weight = self._entry.weight
        if self.record is None:
            if self.kept is not None and self._last is not None and not self.is_dampened:
                return self._last
            number = value.value(weight, self.verdict, metrics)
            if self.kept is None:
                self._last = number
            return number
        if self._entry.in_maintenance != HOLD:
            loss = value.loss(weight)
            return min(0, loss) if self._entry.in_maintenance == DRAIN else loss
        if self._value is not None:
            return self._value
        number = value.value(weight, self.verdict, metrics)
        if self._held is not None:
            self._value = number
        return number

    def word(self, now: float) -> str:
        """Return the word for the verdict file, empty where keepalived is told the verdict."""
        if self.record is not None:
            action = self._entry.in_maintenance
            return action if action != HOLD else f"{HOLD}{3 if (state := self._hold()) is None else int(state)}"
        if self.damper is not None and self.is_dampened:
            return f"{DAMPENED}{self.damper.penalty(now):.0f}"
        return f"{PANIC}{int(self.kept)}@{boot() + self.kept_until - now:.0f}" if self.kept is not None else ""

    def why(self, now: float) -> str:
        """Return why keepalived is told something else than the verdict, empty where it is not."""
        if self.record is not None:
            return self.record.text
        if self.damper is None or not self.is_dampened:
            return f"its group fails, told is still {self.kept}" if self.kept is not None else ""
        reuse, penalty, left = self.damper.rule.reuse, self.damper.penalty(now), self.damper.left(now)
        return f"held down as it flaps: penalty {penalty:.0f}, {reuse:g} is wanted, in {left:.0f} s"
