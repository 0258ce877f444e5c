"""Does a check flap so often that it is held down? A penalty for each flap, which decays, as in RFC 2439 (4.2, 4.4).

A flap is a change from healthy to failed of what would be told; the way back costs nothing, as with the withdrawal and
announcement of a route. All times are monotonic seconds, which the caller hands in.
"""

from __future__ import annotations

from math import log2
from typing import TYPE_CHECKING

from vipwarden.config.dampen import FLAP

if TYPE_CHECKING:
    from vipwarden.config.dampen import Dampen


class Damper:
    """The penalty of one check by the ``rule``; while ``is_suppressed`` nobody may be told that it is healthy."""

    __slots__ = ("_at", "_penalty", "is_suppressed", "rule")

    def __init__(self, rule: Dampen) -> None:
        self.rule = rule
        self.is_suppressed = False
        self._penalty = 0.0
        self._at = 0.0  # the time of the penalty

    def penalty(self, now: float) -> float:
        """Return the penalty: from 0 to the ceiling of the rule."""
        decay: float = 0.5 ** (max(0.0, now - self._at) / self.rule.half_life)
        return self._penalty * decay

    def flap(self, now: float) -> None:
        """Count a flap."""
        self._set(self.penalty(now) + FLAP, now)
        if self._penalty > self.rule.suppress:
            self.is_suppressed = True

    def look(self, now: float) -> bool:
        """Believe the check again where the penalty has decayed; return whether it is suppressed still."""
        if self.is_suppressed and self.penalty(now) <= self.rule.reuse:
            self.is_suppressed = False
        return self.is_suppressed

    def left(self, now: float) -> float:
        """Return after how many seconds it is believed again, if it flaps no more."""
        penalty = self.penalty(now)
        return self.rule.half_life * log2(penalty / self.rule.reuse) if penalty > self.rule.reuse else 0.0

    def resume(self, penalty: float, now: float) -> None:
        """Go on holding down a check that was held down before, by another configuration or an earlier agent."""
        self._set(penalty, now)
        self.is_suppressed = self._penalty > self.rule.reuse

    def _set(self, penalty: float, now: float) -> None:
        self._penalty = min(max(0.0, penalty), self.rule.ceiling)
        self._at = now
