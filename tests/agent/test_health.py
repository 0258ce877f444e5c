"""Does the verdict change after as many results in a row as the operator said, and never otherwise?"""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from agent.health import Health
from vipwarden.core.result import OK, UNKNOWN, WARNING, State

STATES = st.sampled_from([State(number) for number in range(4)])
MANY = st.lists(STATES, max_size=40)
TIMES = st.integers(1, 6)
HEALTHS = st.builds(Health, TIMES, TIMES, st.sampled_from([OK, WARNING]))


@given(HEALTHS)
def test_before_the_first_result_a_check_is_not_healthy(health: Health) -> None:
    """And it has no state."""
    assert not health.is_healthy
    assert health.state is None


@given(HEALTHS, STATES)
def test_the_first_result_acts_at_once(health: Health, state: State) -> None:
    """As in keepalived, whatever rise and fall say."""
    assert health.settle(state)
    assert (health.state, health.count) == (state, 0)
    assert health.is_healthy is (state <= health.worst)


@given(HEALTHS, MANY)
def test_after_so_many_results_in_a_row_the_verdict_is_theirs(health: Health, states: list[State]) -> None:
    """After ``fall`` failures in a row it is never healthy, after ``rise`` successes always."""
    for number, state in enumerate(states, 1):
        health.settle(state)
        for good, needed in ((False, health.fall), (True, health.rise)):
            last = states[max(0, number - needed) : number]
            if number >= needed and all((one <= health.worst) is good for one in last):
                assert health.is_healthy is good


@given(HEALTHS, MANY)
def test_before_so_many_results_in_a_row_the_verdict_stays(health: Health, states: list[State]) -> None:
    """Healthy becomes unhealthy only at the end of ``fall`` failures, and unhealthy healthy only of ``rise``."""
    for number, state in enumerate(states, 1):
        before, was_healthy = health.state, health.is_healthy
        changed = health.settle(state)
        assert changed is (health.state != before)
        if before is not None and health.is_healthy is not was_healthy:
            last = states[number - (health.rise if health.is_healthy else health.fall) : number]
            assert last
            assert all((one <= health.worst) is health.is_healthy for one in last)


@given(HEALTHS, MANY)
def test_the_count_never_reaches_what_is_needed(health: Health, states: list[State]) -> None:
    """It is 0 after a result that agrees with the verdict."""
    for state in states:
        health.settle(state)
        assert 0 <= health.count < max(1, health.needed)
        if (state <= health.worst) is health.is_healthy:
            assert (health.count, health.state) == (0, state)


@given(HEALTHS, MANY, STATES)
def test_a_failure_is_what_would_make_a_check_unhealthy_that_is_not(
    health: Health, states: list[State], state: State
) -> None:
    """Only such a result is repeated."""
    for earlier in states:
        health.settle(earlier)
    assert health.is_failure(state) is (state > health.worst and (health.is_healthy or not states))


@given(HEALTHS, MANY, STATES)
def test_a_rule_sets_the_verdict_at_once(health: Health, states: list[State], state: State) -> None:
    """Of a composition, or of a check that is not run because of another one."""
    for earlier in states:
        health.settle(earlier)
    before = health.state
    assert health.overrule(state) is (before != state)
    assert (health.state, health.count) == (state, 0)
    assert not (state == UNKNOWN and health.is_healthy)
