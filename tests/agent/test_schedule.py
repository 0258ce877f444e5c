"""Is a check due when it should be, never twice within its interval, and never to make up for what was missed?"""

from __future__ import annotations

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agent.schedule import POSTPONED, SPACING, SPREAD, Schedule

TIMES = st.floats(0, 1e7)
INTERVALS = st.floats(0.1, 3600)
PARTS = st.floats(0, 1)
LATENESS = st.lists(st.one_of(st.floats(0, 1), st.floats(0, 1e5)), min_size=1, max_size=20)
TINY = 1e-6  # seconds: what floats of this size lose


@given(now=TIMES, interval=INTERVALS, place=PARTS, shift=PARTS)
def test_first_runs_are_spread_over_a_second(now: float, interval: float, place: float, shift: float) -> None:
    """Or over the interval, where that is shorter; the second run is within an interval of the first."""
    schedule = Schedule(interval, interval, 0)
    first = schedule.first(now, place, shift)
    assert now <= first <= now + min(interval, SPREAD) + TINY
    assert first - TINY <= schedule.next(first) <= first + interval + TINY


@given(now=TIMES, interval=INTERVALS, fast=PARTS, place=PARTS, lateness=LATENESS, fasts=st.lists(st.booleans()))
def test_a_check_is_never_due_twice_within_its_interval(
    now: float, interval: float, fast: float, place: float, lateness: list[float], fasts: list[bool]
) -> None:
    """However late its runs are; and what is due next lies ahead, by one interval at most."""
    fast_interval = max(0.1, fast * interval)
    schedule = Schedule(interval, fast_interval, 0)
    schedule.first(now, place, 0.0)
    for number, late in enumerate(lateness):
        before = schedule.due
        ended = before + late
        hurried = number < len(fasts) and fasts[number]
        step = fast_interval if hurried else interval
        due = schedule.next(ended, fast=hurried)
        assert due - before >= step - TINY
        assert ended - TINY <= due <= ended + step + TINY or due == pytest.approx(before + step)
        steps = (due - before) / step
        assert steps == pytest.approx(round(steps), abs=1e-3)  # on the grid


@given(now=TIMES, late=st.floats(0, 1e5))
def test_lateness_is_measured_from_the_due_time(now: float, late: float) -> None:
    """A run that begins on time is 0 s late."""
    schedule = Schedule(1, 1, 0)
    due = schedule.first(now, 0.5, 0.5)
    assert schedule.begin(due) == 0
    assert schedule.begin(due + late) == pytest.approx(late, abs=TINY)
    assert schedule.begun == due + late


@given(retry=st.integers(0, 20))
def test_a_failed_run_is_repeated_so_often_and_then_counts(retry: int) -> None:
    """The count begins anew with the next result that counts."""
    schedule = Schedule(1, 1, retry)
    for _ in range(2):
        assert [schedule.repeat() for _ in range(retry + 1)] == [True] * retry + [False]
        schedule.next(0)


@given(now=TIMES, place=PARTS)
def test_what_waits_for_another_check_looks_again_soon_and_runs_at_once(now: float, place: float) -> None:
    """From that moment on its interval counts."""
    schedule = Schedule(60, 60, 0)
    schedule.first(now, place, 0.0)
    assert schedule.postpone(now) == now + POSTPONED
    assert schedule.hurry(now) == schedule.due == now
    assert schedule.next(now) == now + 60


@given(interval=st.floats(0.1, 10), every=st.floats(0.001, 0.05))
def test_a_storm_of_events_brings_few_runs(interval: float, every: float) -> None:
    """With each of them a run is asked for: they are soon as rare as the interval allows, and each is answered."""
    schedule = Schedule(interval, interval, 0)
    schedule.first(0.0, 0.0, 0.0)
    now, runs, length = 0.0, 0, 10 * interval
    while now < length:
        if now >= schedule.due:
            before = schedule.begun if runs else -interval
            schedule.begin(now)
            assert now - before >= min(SPACING, interval) - TINY
            schedule.next(now)
            runs += 1
        schedule.event(now, running=False)
        now = min(max(schedule.due, now + TINY), now + every) if schedule.due > now else now + every
    assert runs <= 10 + math.log2(interval / SPACING) + 10 * 2


@given(now=TIMES, spent=st.floats(0, 0.04))
def test_an_event_is_answered_at_once(now: float, spent: float) -> None:
    """By a run that begins after it, also where one was running when it came."""
    schedule = Schedule(60, 60, 0)
    schedule.begin(schedule.first(now, 0.0, 0.0))
    schedule.next(now + spent)
    assert schedule.event(now + 1, running=False)
    assert schedule.due == now + 1
    assert not schedule.event(now + 1, running=False)
    schedule.begin(now + 1)
    assert not schedule.event(now + 1.01, running=True)
    assert now + 1.01 <= schedule.next(now + 1.02) <= now + 1.2
    schedule.begin(schedule.due)
    assert schedule.next(schedule.due) - schedule.begun == pytest.approx(60)


@given(now=TIMES)
def test_an_event_never_hastens_what_confirms_a_change(now: float) -> None:
    """The next run of a failure that is being counted comes after the fast interval."""
    schedule = Schedule(60, 10, 0)
    schedule.begin(schedule.first(now, 0.0, 0.0))
    schedule.event(now, running=True)
    assert schedule.next(now, fast=True) == pytest.approx(now + 10)
