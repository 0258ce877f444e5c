"""Is the value of a track file always one for keepalived, and does a check fail when its looks end?"""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agent import trackfile
from agent.health import Health
from agent.value import HOLD, NEVER, NONE, SWITCH_OFF, SWITCH_ON, at_loss, loss, overdue, value
from vipwarden.config.weight import HIGHEST, LOWEST, Weight
from vipwarden.core.result import OK, WARNING, Metric, State

NUMBERS = st.integers(LOWEST, HIGHEST)
ANY = st.floats(allow_nan=True, allow_infinity=True)


@st.composite
def weights(draw: st.DrawFn) -> Weight:
    """Draw a weight: numbers by state, and perhaps a metric between two of them."""
    critical, warning, fine = sorted(draw(st.lists(NUMBERS, min_size=3, max_size=3)))
    terms = [f"critical={critical}"]
    terms += draw(st.sampled_from([[], [f"warning={warning}"], [f"warning={warning}", f"ok={fine}"]]))
    terms += draw(st.sampled_from([[], [f"unknown={draw(NUMBERS)}"]]))
    if draw(st.booleans()):
        low = draw(st.floats(-1e6, 1e6))
        ends = draw(st.lists(st.integers(critical, HIGHEST), min_size=2, max_size=2))
        terms.append(f"load {low!r}:{low + draw(st.floats(0.5, 1e6))!r} = {ends[0]}:{ends[1]}")
    return Weight(", ".join(terms))


@st.composite
def healths(draw: st.DrawFn) -> Health:
    """Draw a verdict, or none yet."""
    made = Health(1, 1, draw(st.sampled_from([OK, WARNING])))
    made.state = draw(st.one_of(st.none(), st.sampled_from([State(number) for number in range(4)])))
    return made


@given(st.one_of(st.none(), weights()), healths(), st.lists(st.builds(Metric, st.just("load"), ANY), max_size=2))
def test_a_value_is_always_within_the_range_of_keepalived(
    weight: Weight | None, health: Health, metrics: list[Metric]
) -> None:
    """From -254, a fault, to 253, in five bytes; without a weight it is a switch."""
    for number in (value(weight, health, metrics), loss(weight)):
        assert LOWEST <= number <= HIGHEST
        assert len(trackfile.text(number)) == 5
        assert int(trackfile.text(number)) == number
    if weight is None:
        assert value(None, health, metrics) == (SWITCH_ON if health.is_healthy else SWITCH_OFF)
    if health.state is None:
        assert value(weight, health, metrics) == loss(weight)


@given(st.one_of(st.none(), weights()), st.booleans(), st.booleans())
def test_at_the_loss_of_the_agent_a_file_never_stays_healthy_unless_told_to(
    weight: Weight | None, track: bool, hold: bool
) -> None:
    """The operator may say hold; without a track file there is nothing to do."""
    found = at_loss(weight, track=track, hold=hold)
    if track and not hold:
        assert found == str(loss(weight))
    else:
        assert found == (HOLD if track else NONE)


CHECKS = st.lists(
    st.tuples(
        st.floats(0.1, 1e4),  # limit
        st.one_of(st.just(NEVER), st.floats(0, 1e6)),  # last look
        st.one_of(st.just(-1.0), st.floats(0, 1e6)),  # look that it was failed for
    ),
    max_size=20,
)


@given(CHECKS, st.floats(0, 2e6), st.one_of(st.none(), st.floats(0, 2e6)))
def test_what_is_overdue_fails_once_and_nothing_before_its_time(
    checks: list[tuple[float, float, float]], now: float, until: float | None
) -> None:
    """A look counts for its limit, after a clean end to the end of the grace; the next waking misses nothing."""
    limits, looks, failures = ([check[number] for check in checks] for number in range(3))
    due, wake = overdue(limits, looks, failures, until, now)
    for number, (limit, look, failed) in enumerate(checks):
        expires = look + limit if until is None else until
        open_ = look not in (NEVER, failed)
        assert (number in due) is (open_ and expires <= now)
        if open_ and expires > now:
            assert wake <= expires
    assert wake > now
    for number in due:
        failures[number] = looks[number]
    assert overdue(limits, looks, failures, until, now) == ([], wake)  # each fails once for each look


@pytest.mark.parametrize("until", [None, 5.0])
def test_where_nothing_is_left_there_is_nothing_to_wait_for(until: float | None) -> None:
    """So the watchdog of an agent that has ended can end."""
    assert overdue([1, 1], [NEVER, 3.0], [-1, 3.0], until, 9) == ([], NEVER)
