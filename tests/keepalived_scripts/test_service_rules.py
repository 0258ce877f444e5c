"""Do the rules of chk_service hold, whatever a service does?"""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from keepalived_scripts.service.rules import BROKEN, BUSY, DOWN, GOOD, STOPPED, TRYING, Limits, Memory, Step, step

DAY = 1_800_000_000.0


class Run:
    """A service that is asked at chosen times."""

    def __init__(self, **given: float) -> None:
        limits = {"fall": 1, "fall_timeout": 2, "grace": 0, "good_for": 5, "restarts": 3, "window": 600} | given
        self.limits = Limits(
            fall=int(limits["fall"]),
            fall_timeout=int(limits["fall_timeout"]),
            grace=limits["grace"],
            good_for=limits["good_for"],
            restarts=int(limits["restarts"]),
            window=limits["window"],
        )
        self.memory = Memory()

    def at(self, second: float, *, good: bool, may: bool = True, expired: bool = False, fate: str = "") -> Step:
        """Ask at a second."""
        now, today = 1000 + second, DAY + second
        found = step(self.memory, self.limits, good=good, may=may, now=now, today=today, expired=expired, fate=fate)
        self.memory = found.memory
        return found


def test_without_grace_a_restart_gives_the_vip_up_until_it_was_good_for_a_while() -> None:
    """The first good answer after a restart is not enough."""
    run = Run()
    first = run.at(0, good=False)
    assert (first.healthy, first.restart, first.memory.phase) == (False, True, DOWN)
    assert not run.at(1, good=False).restart
    assert [run.at(second, good=True).healthy for second in (2, 3, 6.9, 7)] == [False, False, False, True]
    assert run.memory.phase == GOOD


def test_within_the_grace_time_the_verdict_stays_healthy() -> None:
    """And no longer."""
    run = Run(grace=3)
    assert [run.at(second, good=False).healthy for second in (0, 1, 2.9)] == [True, True, True]
    assert run.memory.phase == TRYING
    late = run.at(3, good=False)
    assert (late.healthy, late.restart) == (False, False)


def test_a_service_that_comes_back_in_the_grace_time_never_loses_its_vip() -> None:
    """It is watched for a while all the same."""
    run = Run(grace=3)
    assert all(run.at(second, good=good).healthy for second, good in ((0, False), (1, True), (4, True), (6, True)))
    assert run.memory.phase == GOOD


def test_a_crash_loop_gets_one_restart_and_loses_its_vip() -> None:
    """One good answer between two crashes neither ends the episode nor starts the grace time anew."""
    run = Run(grace=3)
    found = [run.at(second, good=bool(second % 2)) for second in range(10)]
    assert sum(one.restart for one in found) == 1
    assert [one.healthy for one in found] == [True] * 4 + [False] * 6


def test_bad_runs_below_fall_change_nothing() -> None:
    """And must follow each other."""
    run = Run(fall=3)
    found = [run.at(second, good=second == 2) for second in range(6)]
    assert [one.restart for one in found] == [False] * 5 + [True]
    assert [one.healthy for one in found] == [True] * 5 + [False]


def test_a_run_without_an_answer_in_time_must_be_the_second_in_a_row() -> None:
    """Whatever the first one was; and one that tells more is acted on at once."""
    for first in (True, False):
        run = Run(fall=2 - first, grace=3)
        assert not run.at(0, good=False, expired=first).restart
        assert run.at(1, good=False, expired=True).restart
    run = Run(grace=3)
    run.at(0, good=False, expired=True)
    run.at(1, good=True)
    assert not run.at(2, good=False, expired=True).restart
    assert Run(grace=3).at(0, good=False).restart


def test_what_was_stopped_is_down_at_once_and_never_restarted() -> None:
    """Also in the grace time of a restart; once it is there again it earns its VIP back, and has its restart."""
    run = Run(grace=3)
    assert [(one.healthy, one.restart) for one in (run.at(s, good=False, fate=STOPPED) for s in range(3))] == [
        (False, False)
    ] * 3
    assert [run.at(second, good=True).healthy for second in (3, 8)] == [False, True]
    assert run.at(9, good=False).restart
    assert not run.at(10, good=False, fate=STOPPED).healthy


def test_what_systemd_is_at_work_on_has_the_grace_time_and_no_second_restart() -> None:
    """It is restarted where systemd is done and it is still bad, and down where it takes longer."""
    run = Run(grace=3)
    assert [run.at(second, good=False, fate=BUSY).healthy for second in (0, 1, 2.9)] == [True, True, True]
    late = run.at(3, good=False, fate=BUSY)
    assert (late.healthy, late.restart) == (False, False)
    run = Run(grace=3)
    run.at(0, good=False, fate=BUSY)
    done = run.at(1, good=False)
    assert (done.healthy, done.restart) == (True, True)
    assert run.at(3.9, good=False).healthy
    assert not run.at(4, good=False).healthy


def test_a_restart_that_failed_has_no_grace_time_left() -> None:
    """And is not done again."""
    run = Run(grace=30)
    assert run.at(0, good=False, fate=BROKEN).healthy  # a unit that has failed before its restart
    late = run.at(1, good=False, fate=BROKEN)
    assert (late.healthy, late.restart) == (False, False)


def test_what_could_not_be_asked_is_unhealthy_and_calls_for_no_restart() -> None:
    """But once it is seen to be bad the restart is still there."""
    run = Run()
    assert [run.at(second, good=False, may=False).restart for second in (0, 1)] == [False, False]
    assert run.at(2, good=False).restart


def test_restarts_beyond_the_window_count_no_more() -> None:
    """A fourth episode within it gets none, one after it does."""
    run = Run(restarts=2, window=100, good_for=1)
    found = []
    for second in range(0, 60, 20):
        found.append(run.at(second, good=False))
        run.at(second + 1, good=True)
        run.at(second + 2, good=True)
    assert [one.restart for one in found] == [True, True, False]
    assert "no restart: 2 in the last 100 s" in found[-1].reason
    assert run.at(110, good=False).restart


def test_no_restart_at_all_where_none_is_allowed() -> None:
    """With --restarts 0."""
    found = Run(restarts=0, grace=10).at(0, good=False)
    assert (found.restart, found.healthy) == (False, False)


def test_a_clock_that_was_set_back_neither_frees_restarts_nor_blocks_them_for_ever() -> None:
    """Restarts from the future count as of now."""
    run = Run(window=100)
    run.memory = Memory(restarts=(DAY + 10**6,) * 3)
    assert not run.at(0, good=False).restart
    assert run.at(101, good=False).restart


FATES = st.sampled_from(["", "", BUSY, STOPPED, BROKEN])
SERVICE = st.lists(st.tuples(st.floats(0.01, 30), st.booleans(), st.booleans(), st.booleans(), FATES), max_size=60)


@given(SERVICE, st.integers(1, 3), st.floats(0, 20), st.floats(0.1, 20), st.integers(0, 3), st.floats(1, 200))
def test_whatever_happens_restarts_are_bounded_and_a_lost_vip_is_earned_back(
    history: list[tuple[float, bool, bool, bool, str]],
    fall: int,
    grace: float,
    good_for: float,
    restarts: int,
    window: float,
) -> None:
    """At most N in any window, none for a good service, and healthy again only over ``good_for`` good seconds."""
    run = Run(fall=fall, grace=grace, good_for=good_for, restarts=restarts, window=window)
    second, done, good_since, healthy = 0.0, [], None, True
    for pause, good, may, expired, fate in history:
        second += pause
        good_since = (good_since if good_since is not None else second) if good else None
        found = run.at(second, good=good, may=may, expired=expired, fate=fate)
        if found.restart:
            assert may
            assert not good
            assert fate not in (BUSY, STOPPED)
            done.append(second)
            assert sum(second - one < window for one in done) <= restarts
        if found.healthy and not healthy:
            assert good_since is not None
            assert second - good_since >= good_for - 0.001
        if good and healthy:
            assert found.healthy
        healthy = found.healthy
