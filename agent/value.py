"""Which value must a track file hold, and which checks have to fail now?"""

from __future__ import annotations

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from agent.health import Health
    from vipwarden.config.weight import Weight
    from vipwarden.core.result import Metric

SWITCH_OFF, SWITCH_ON = 0, 1  # of the fail-closed form, "weight 0 reverse": 0 and no file are a fault
HOLD, NONE = "hold", "none"  # at the loss of the agent: the file keeps its value; there is no file
NEVER = float("inf")  # the time of the last look at a check that was not looked at yet; no time at all


def value(weight: Weight | None, health: Health, metrics: Sequence[Metric]) -> int:
    """Return the value for a verdict, from -254 to 253."""
    if weight is None:
        return SWITCH_ON if health.is_healthy else SWITCH_OFF
    if health.state is None:
        return weight.loss
    return weight.value(health.state, health.is_healthy, metrics)


def loss(weight: Weight | None) -> int:
    """Return the value for no verdict, also that of a check whose agent is lost."""
    return weight.loss if weight else SWITCH_OFF


def at_loss(weight: Weight | None, *, track: bool, hold: bool) -> str:
    """Return what happens to the track file when the agent is lost: a value is written, or HOLD, or NONE."""
    return NONE if not track else HOLD if hold else str(loss(weight))


def overdue(
    limits: Iterable[float], looks: Iterable[float], failed: Iterable[float], until: float | None, now: float
) -> tuple[list[int], float]:
    """Return the numbers of the checks that have to fail now, and when the next one will have to, or NEVER.

    A check has to fail when its last look is older than its limit in seconds, or at ``until``, the end of the grace
    after a clean end of the agent. ``failed`` holds the looks for which checks have failed already. Times are
    monotonic.
    """
    due = []
    wake = NEVER
    for number, (limit, look, done) in enumerate(zip(limits, looks, failed, strict=True)):
        if look in (NEVER, done):
            continue
        expires = look + limit if until is None else until
        if expires <= now:
            due.append(number)
        elif expires < wake:
            wake = expires
    return due, wake
