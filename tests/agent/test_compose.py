"""Is a composition ever healthier than its rule?"""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from agent.compose import blocked, blocker, composed
from agent.health import Health
from vipwarden.core.result import CRITICAL, OK, UNKNOWN, WARNING, State

STATES = st.one_of(st.none(), st.sampled_from([State(number) for number in range(4)]))
WORST = st.sampled_from([OK, WARNING])


def health(state: State | None, worst: State = OK) -> Health:
    """Return the verdict of a member."""
    made = Health(1, 1, worst)
    made.state = state
    return made


MEMBERS = st.lists(st.builds(health, STATES, WORST), min_size=1, max_size=12)


@given(MEMBERS, st.integers(1, 12), WORST)
def test_it_is_healthy_exactly_when_enough_members_are(members: list[Health], needed: int, worst: State) -> None:
    """By their own rules; its worst healthy state is no better than that of any member, as the configuration has it."""
    needed = min(needed, len(members))
    worst = max([worst, *(member.worst for member in members)])
    named = [(str(number), member) for number, member in enumerate(members)]
    result = composed(named, needed, worst)
    healthy = sum(member.is_healthy for member in members)
    if result is None:
        assert healthy < needed
        assert any(member.state is None for member in members)
        return
    assert (result.state <= worst) is (healthy >= needed)
    assert result.text.startswith(f"{healthy} of {len(members)} healthy, {needed} needed")


@given(MEMBERS, WORST)
def test_all_of_is_as_bad_as_the_worst_and_any_of_as_good_as_the_best(members: list[Health], worst: State) -> None:
    """Of members that have a verdict, by one and the same rule."""
    settled = [health(member.state, worst) for member in members if member.state is not None]
    if not settled:
        return
    states = [member.state for member in settled if member.state is not None]
    named = [(str(number), member) for number, member in enumerate(settled)]
    every, some = composed(named, len(settled), worst), composed(named, 1, worst)
    assert every is not None
    assert some is not None
    assert every.state == max(states)
    assert some.state == min(states)


@given(MEMBERS, st.integers(1, 12))
def test_the_order_of_the_members_changes_nothing(members: list[Health], needed: int) -> None:
    """Nor does a member that becomes healthy ever make it worse."""
    needed = min(needed, len(members))
    named = [(str(number), member) for number, member in enumerate(members)]
    first, second = composed(named, needed, WARNING), composed(named[::-1], needed, WARNING)
    assert (first and first.state) == (second and second.state)
    if first is not None:
        for member in members:
            before, member.state = member.state, OK
            better = composed(named, needed, WARNING)
            assert better is not None
            assert better.state <= first.state
            member.state = before


def test_unhealthy_members_are_named_up_to_five() -> None:
    """A pool of hundreds has one line."""
    result = composed([(f"c{number}", health(CRITICAL)) for number in range(7)], 1, OK)
    assert result is not None
    assert result.text == (
        "0 of 7 healthy, 1 needed: c0 is CRITICAL, c1 is CRITICAL, c2 is CRITICAL, c3 is CRITICAL, c4 is CRITICAL, ..."
    )


@given(MEMBERS)
def test_a_check_waits_for_the_first_that_is_not_healthy(members: list[Health]) -> None:
    """And is UNKNOWN meanwhile, with that one's name."""
    named = [(f"c{number}", member) for number, member in enumerate(members)]
    found = blocker(named)
    if found is None:
        assert all(member.is_healthy for member in members)
        return
    name, member = found
    assert not member.is_healthy
    assert all(one.is_healthy for one in members[: int(name[1:])])
    result = blocked(found)
    assert result.state == UNKNOWN
    assert result.text == f"not asked: only_if {name}, which is {UNKNOWN if member.state is None else member.state}"
