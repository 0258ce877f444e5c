"""What is said of a check to those who ask: is it healthy, and which share of the traffic may it have?"""

from __future__ import annotations

from typing import TYPE_CHECKING

from agent import value
from vipwarden.core.result import UNKNOWN
from vipwarden.state.verdict import HOLD

if TYPE_CHECKING:
    from agent.watch import Watch
    from vipwarden.core.result import State


class Spoken:
    """The state that counts now.

    ``percent`` is the share by the weight of the entry, None where the entry has none that begins above 0, as those for
    a VRRP priority. In maintenance ``action`` is what the entry says for that: drain or down. ``verdict`` is whether
    the check itself is healthy.
    """

    __slots__ = ("action", "healthy", "maintenance", "percent", "state", "text", "verdict")

    def __init__(self, watch: Watch, look: float, now: float) -> None:
        """Judge a watch that was looked at at the monotonic time ``look``."""
        entry, told, result = watch.entry, watch.told, watch.result
        is_drained = told.record is not None and entry.in_maintenance != HOLD
        self.maintenance = told.record.text if told.record is not None else ""
        self.action = str(entry.in_maintenance) if is_drained else ""
        health = watch.health if is_drained else told.verdict
        self.verdict = health.is_healthy
        self.state: State = UNKNOWN if health.state is None else health.state
        self.text = result.text if result is not None else "it has no verdict yet"
        if why := told.why(now):
            self.text = f"{why}: {self.text}"
        if now - look > entry.loss_after and not entry.hold:
            self.verdict, self.state, self.text = (
                False,
                UNKNOWN,
                f"no result for {now - look:.0f} s; it was {self.text}",
            )
        self.healthy = self.verdict and not self.action
        self.percent: int | None = None
        if entry.weight is not None and entry.weight.best > 0:
            metrics = result.metrics if result is not None else ()
            self.percent = max(0, value.value(entry.weight, health, metrics) if is_drained else watch.value)
