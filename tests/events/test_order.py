"""In which order did events happen, although a clock stepped?"""

from __future__ import annotations

from typing import TYPE_CHECKING

from hypothesis import given
from hypothesis import strategies as st

from tests.events.make import EPOCH, event
from vipwarden.events.order import corrected, ordered

if TYPE_CHECKING:
    from random import Random

STEPS = st.floats(-1e6, 1e6).filter(lambda seconds: abs(seconds) > 400)  # more than a slew of 4 days


@given(st.lists(st.floats(0, 1e5), min_size=1, max_size=20, unique=True), st.randoms(use_true_random=False))
def test_boot_time_orders_what_was_written_in_any_order(times: list[float], random: Random) -> None:
    """As several programs hand over."""
    events = [event(at, bid="b1") for at in times]
    random.shuffle(events)
    assert [it.boot for it in ordered(events)] == sorted(times)


def test_boots_are_in_the_order_of_their_first_events() -> None:
    """Whatever the wall clock said after the boot, as without a battery."""
    events = [
        event(500, bid="b1"),
        event(3, bid="b2", ahead=-1e9),
        event(501, bid="b1"),
        event(4, bid="b2", ahead=-1e9),
    ]
    assert [(it.bid, it.boot) for it in ordered(events)] == [("b1", 500), ("b1", 501), ("b2", 3), ("b2", 4)]


@given(st.lists(st.tuples(st.floats(0.001, 1000), st.none() | STEPS), min_size=1, max_size=20))
def test_a_stepped_clock_is_corrected(course: list[tuple[float, float | None]]) -> None:
    """By the clock as it was after its last step: the times then pass as the seconds since boot."""
    at, ahead, events = 0.0, 0.0, []
    for passed, stepped in course:
        at += passed
        ahead += stepped or 0.0
        events.append(event(at, ahead=ahead + 2e6))
    for it in corrected(ordered(events)):
        assert abs(it.time - (EPOCH + it.boot + ahead + 2e6)) < 1e-3


@given(st.lists(st.tuples(st.floats(0.01, 1000), st.floats(-5e-4, 5e-4)), min_size=1, max_size=20))
def test_a_slewed_clock_is_left_as_it_is(course: list[tuple[float, float]]) -> None:
    """NTP makes it faster or slower by 500 ppm at most."""
    at, ahead, events = 0.0, 0.0, []
    for passed, rate in course:
        at += passed
        ahead += passed * rate
        events.append(event(at, ahead=ahead))
    found = corrected(ordered(events))
    assert all(abs(it.time - it.wall) < 1e-3 for it in found)
    assert [it.time for it in found] == sorted(it.time for it in found)
