"""Does everything come out of the wheel after its time, and within a tick?"""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from agent.wheel import TICK, Wheel

TIMES = st.lists(st.floats(0, 1e6), max_size=30)


@given(TIMES)
def test_an_item_is_never_early_and_late_by_one_tick_at_most(times: list[float]) -> None:
    """And comes out once, in the order of the ticks."""
    wheel: Wheel[float] = Wheel()
    for when in times:
        assert when < wheel.add(when, when) + 1e-9 <= when + TICK + 2e-9
    taken = []
    while (now := wheel.next) != float("inf"):
        due = list(wheel.due(now))
        assert due
        assert all(when <= now <= when + TICK + 1e-6 for when in due)
        taken += due
    assert sorted(taken) == sorted(times)


def test_an_item_that_is_added_meanwhile_waits_for_its_own_tick() -> None:
    """A run that is due at once never holds up the tick that is being handled."""
    wheel: Wheel[int] = Wheel()
    wheel.add(1.0, 0)
    now = wheel.next
    assert len([wheel.add(now, 0) for _ in wheel.due(now)]) == 1
    assert wheel.next > now
