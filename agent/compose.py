"""Which verdict follows from other verdicts? all_of, any_of, at_least and only_if."""

from __future__ import annotations

from typing import TYPE_CHECKING, TypeAlias

from vipwarden.core.result import CRITICAL, UNKNOWN, Result, State

if TYPE_CHECKING:
    from collections.abc import Iterable

    from agent.health import Health

    Member: TypeAlias = tuple[str, Health]

_MOST = 5  # unhealthy members that the text names


def composed(members: Iterable[Member], needed: int, worst: State) -> Result | None:
    """Return the result of a composition, or None as long as members without a verdict leave it open.

    It has the state of the worst of the ``needed`` best members. Where that member is unhealthy by its own rule, the
    result is unhealthy as well, whatever ``worst`` healthy state the composition has.
    """
    ranked = sorted(members, key=_rank)
    last = ranked[needed - 1][1]
    if not last.is_healthy and any(health.state is None for _, health in ranked):
        return None
    sick = [(name, health) for name, health in ranked if not health.is_healthy]
    text = f"{len(ranked) - len(sick)} of {len(ranked)} healthy, {needed} needed"
    if sick:
        named = ", ".join(f"{name} is {_state(health)}" for name, health in sick[:_MOST])
        text += f": {named}{', ...' if len(sick) > _MOST else ''}"
    state = _state(last)
    return Result(CRITICAL if not last.is_healthy and state <= worst else state, text)


def blocker(needs: Iterable[Member]) -> Member | None:
    """Return the first check that only_if names and that is not healthy."""
    return next((member for member in needs if not member[1].is_healthy), None)


def blocked(by: Member) -> Result:
    """Return the result of a check that does not run because another check is not healthy."""
    name, health = by
    return Result(UNKNOWN, f"not asked: only_if {name}, which is {_state(health)}")


def _state(health: Health) -> State:
    return UNKNOWN if health.state is None else health.state


def _rank(member: Member) -> tuple[bool, State]:
    return not member[1].is_healthy, _state(member[1])
