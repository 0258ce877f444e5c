"""Does a verdict still count?"""

from __future__ import annotations

import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from vipwarden.core.result import Result, State
from vipwarden.state.clock import boot
from vipwarden.state.standing import FRESH, FUTURE, GONE, LEFT, PAST, STALE, standing
from vipwarden.state.verdict import Verdict


def verdict(age: float, ttl: float = 0, state: State = State.OK) -> Verdict:
    """Return one that was that old when it was read."""
    made = Verdict("web", "port", Result(state, "open"), 1.0, 0.0, 0.1, ttl)
    made.stamp = made.read - age
    return made


@pytest.mark.parametrize(
    ("age", "ttl", "word", "state", "text"),
    [
        (0, 2, FRESH, State.OK, "open"),
        (1.99, 2, FRESH, State.OK, "open"),
        (2.5, 2, STALE, State.UNKNOWN, "no verdict for 2 s; it was OK: open"),
        (300, 2, STALE, State.UNKNOWN, "no verdict for 5 min; it was OK: open"),
        (1e6, 2, STALE, State.UNKNOWN, "no verdict for 11 d; it was OK: open"),
        (-1, 2, FUTURE, State.UNKNOWN, "it is dated in the future; it said OK: open"),
        (-1, 0, FUTURE, State.UNKNOWN, "it is dated in the future; it said OK: open"),
        (59, 0, FRESH, State.OK, "open"),
        (61, 0, PAST, State.OK, "open"),
        (901, 0, LEFT, State.OK, "open"),
        (901, 1000, FRESH, State.OK, "open"),
    ],
)
def test_a_verdict_is_valid_for_its_ttl(age: float, ttl: float, word: str, state: State, text: str) -> None:
    """Or, without one, for a while."""
    found = standing(verdict(age, ttl))
    assert (found.word, found.state, found.text) == (word, state, text)


@given(
    st.floats(-1e9, 1e9),
    st.floats(0, 1e9),
    st.sampled_from((State.OK, State.WARNING, State.CRITICAL, State.UNKNOWN)),
)
def test_nothing_that_is_not_valid_is_ok(age: float, ttl: float, state: State) -> None:
    """And what is valid says what it said."""
    made = verdict(age, ttl, state)
    found = standing(made)
    assert found.state == (state if found.is_valid else State.UNKNOWN)
    assert found.is_valid == (made.age >= 0 and (not ttl or made.age <= ttl))


def test_a_slow_reader_makes_no_verdict_stale() -> None:
    """What counts is how old it was when it was read."""
    made = Verdict("web", "port", Result(State.OK, "open"), 1.0, boot() - 1, 0.1, 1.01)
    time.sleep(0.02)
    assert standing(made).word == FRESH


def test_a_missing_verdict_is_unknown() -> None:
    """It is gone, or was never there."""
    found = standing(None)
    assert (found.word, found.state, found.text, found.is_valid) == (GONE, State.UNKNOWN, "has no verdict yet", False)


@given(st.floats(-1e9, 1e9), st.floats(0, 1e9), st.floats(0.001, 1e9))
def test_an_operator_may_say_how_old_it_may_be(age: float, ttl: float, most: float) -> None:
    """In place of its own TTL."""
    made = verdict(age, ttl)
    assert standing(made, most).is_valid == (0 <= made.age <= most)
