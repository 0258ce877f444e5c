"""Is a fault that all share held back, and every other one told? By simulation of random histories."""

from __future__ import annotations

import random
from collections import deque

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from agent.panic import Panic
from vipwarden.config.panic import Rule

RULE = Rule(50, 5, 60)
TICK = 0.1


class Group:
    """Members that run each ``interval`` at their own times, and what is told of them."""

    def __init__(self, count: int, rule: Rule = RULE, interval: float = 2.0, seed: int = 0) -> None:
        rng = random.Random(seed)
        self.now = 100.0
        self.rule = rule
        self.interval = interval
        self.names = [f"m{number}" for number in range(count)]
        self.up = dict.fromkeys(self.names, True)  # whether the server itself is
        self.seen = dict.fromkeys(self.names, True)  # its verdict
        self.told = dict.fromkeys(self.names, True)
        self.begun = {name: self.now - rng.random() * interval for name in self.names}  # of the last run
        self.panic = Panic(rule, self.names, self.unclear)
        self.looks = self.now
        self.was_up = dict.fromkeys(self.names, self.now)  # when its verdict was healthy last
        self.panics: deque[tuple[float, float]] = deque()  # times in which one was on
        self.low: float | None = self.now  # since when the share of failures is not above the limit
        self.spent = 0.0  # by this test's own count

    def unclear(self, since: float) -> int:
        """As the agent counts them."""
        return sum(self.seen[name] and self.begun[name] < since for name in self.panic.members)

    def run(self, seconds: float) -> None:
        """Let time pass."""
        end = self.now + seconds
        while self.now < end - 1e-9:
            self.now += TICK
            for name in self.names:
                if self.now >= self.begun[name] + self.interval:
                    self.begun[name] += self.interval
                    self._result(name)
            self.look()

    def _result(self, name: str) -> None:
        before, self.seen[name] = self.seen[name], self.up[name]
        if self.up[name]:
            self.was_up[name] = self.now
            self.panic.recover(name)
            self.told[name] = True
        elif before:
            assert self.told[name]
            self.told[name] = self.panic.fail(name, self.now)
            self.looks = min(self.looks, self.now + TICK / 2)

    def look(self) -> None:
        """Look as the agent does, and at what must be so at any time."""
        since = self.panic.since
        if self.panic.wakes is not None and self.now >= self.looks:
            for name in self.panic.look(self.now):
                assert not self.seen[name]
                self.told[name] = False
            self.looks = self.now + (self.panic.wakes or 0) - TICK / 2
        self.judge(since)

    def judge(self, since: float | None) -> None:
        """See that nothing is told healthy that may not be."""
        rule, panic = self.rule, self.panic
        for name in self.names:
            if self.told[name] and not self.seen[name]:
                assert name in panic.held
                assert self.now - self.was_up[name] <= rule.longest + self.interval + 2 * TICK
            if self.seen[name]:
                assert self.told[name]
        if panic.since is None and since is None:
            assert all(self.now - at <= rule.window + 2 * TICK for at in panic.held.values())
        if panic.since is not None:
            self.spent += TICK
        assert self.spent <= rule.longest + 3 * TICK
        failing = sum(not self.seen[name] for name in panic.members)
        if panic.since is None and (failing < 2 or failing * 100 <= rule.above * len(panic.members)):
            self.low = self.now if self.low is None else self.low
            if self.now - self.low >= rule.longest - TICK:
                self.spent = 0.0
        else:
            self.low = None

    def set(self, up: bool, *numbers: int) -> None:
        """Let servers be up or down."""
        for number in numbers:
            self.up[self.names[number % len(self.names)]] = up


RULES = st.builds(
    lambda above, window, more: Rule(above, window, window + more),
    st.integers(1, 99),
    st.floats(0.5, 20),
    st.floats(0, 100),
)


@settings(max_examples=400, deadline=None)
@given(
    RULES,
    st.integers(1, 12),
    st.lists(
        st.tuples(st.floats(0.1, 40), st.booleans(), st.lists(st.integers(0, 11), min_size=1, max_size=12)),
        max_size=12,
    ),
    st.integers(0, 99),
)
@example(  # what fails since before the fault keeps the share above the limit
    Rule(25, 1, 2),
    12,
    [(2, False, [0]), (1, False, [1, 3, 6]), (1, False, [5]), (1, True, [1]), (3, True, [0]), (1, False, [0, 1, 2, 4])],
    0,
)
def test_nothing_is_held_for_longer_than_it_may_be(
    rule: Rule, count: int, history: list[tuple[float, bool, list[int]]], seed: int
) -> None:
    """Whatever fails and recovers, and whenever: see judge().

    A check that is told healthy is so, or was so at most ``longest`` seconds ago. All panics of one fault take at most
    ``longest`` together. What was told as failed is told healthy only by its own healthy verdict. And as soon as
    nothing changes any more what is told is what is seen.
    """
    it = Group(count, rule, seed=seed)
    for pause, up, numbers in history:
        it.set(up, *numbers)
        it.run(pause)
    it.run(rule.longest + rule.window + 3)
    assert it.told == it.seen == it.up
    assert not it.panic.held


@settings(max_examples=200, deadline=None)
@given(st.integers(4, 20), st.integers(1, 99), st.data())
def test_failures_below_the_limit_are_never_a_panic(count: int, above: int, data: st.DataObject) -> None:
    """Each is told within a window, in whatever order they come."""
    it = Group(count, Rule(above, 5, 60), seed=data.draw(st.integers(0, 99)))
    most = max(1, above * count // 100)
    for number in data.draw(st.permutations(range(count)))[:most]:
        it.set(False, number)
        it.run(data.draw(st.floats(0.1, 4)))
        assert it.panic.since is None
    it.run(8)
    assert it.told == it.seen == it.up


@pytest.mark.parametrize("count", [2, 3, 10, 50])
def test_a_fault_of_all_is_told_of_none(count: int) -> None:
    """Neither of the first ones, whose failures come before the share is reached, nor at the end."""
    it = Group(count)
    it.set(False, *range(count))
    for _ in range(40):
        it.run(1)
        assert all(it.told.values())
    it.set(True, *range(count))
    it.run(12)
    assert all(it.told.values())
    assert it.panic.since is None


def test_a_real_outage_is_told_when_the_time_is_over() -> None:
    """And no new panic begins until the group was well for as long."""
    it = Group(10)
    it.set(False, *range(10))
    it.run(59)
    assert all(it.told.values())
    it.run(5)
    assert not any(it.told.values())
    for up in (True, False) * 5:
        it.set(up, *range(10))
        it.run(10)
        assert set(it.told.values()) == {up}
    it.set(True, *range(10))
    it.run(65)
    it.set(False, *range(10))
    it.run(20)
    assert all(it.told.values())


@pytest.mark.parametrize(("count", "most"), [(2, 2.3), (20, 2.3), (1, 0.0)])
def test_the_failure_of_one_is_told_when_the_others_have_answered(count: int, most: float) -> None:
    """Half of them are enough; a group of one is told at once."""
    it = Group(count)
    it.set(False, 0)
    while it.seen["m0"]:
        it.run(TICK)
    begun = it.now
    while it.told["m0"]:
        it.run(TICK)
    assert it.now - begun <= most


def test_members_that_leave_count_neither_as_failed_nor_in_the_total() -> None:
    """Of ten, five in maintenance: three that fail are more than half of the rest."""
    it = Group(10)
    for number in range(5, 10):
        it.panic.leave(f"m{number}")
    assert not it.panic.fail("m9", it.now)
    it.set(False, 0, 1, 2)
    it.run(20)
    assert it.panic.since is not None
    assert all(it.told.values())
    it.panic.leave("m0")
    it.told["m0"] = False
    assert "m0" not in it.panic.held
    for number in range(5, 10):
        it.panic.join(f"m{number}")
    it.run(10)
    assert it.panic.since is None  # two of nine


def test_what_an_earlier_agent_held_is_held_for_the_rest_of_its_time() -> None:
    """And no longer."""
    it = Group(4)
    for name in it.names:
        it.up[name] = it.seen[name] = False
        assert it.panic.resume(name, 10, it.now)
    it.run(9)
    assert all(it.told.values())
    it.run(1.5)
    assert not any(it.told.values())
    assert not it.panic.resume("m0", 0, it.now)
    assert not it.panic.resume("other", 10, it.now)


def test_ten_thousand_that_fail_in_one_moment_are_counted_in_a_moment() -> None:
    """The cost of each failure does not grow with the group: the others are counted once for a round."""
    names = [f"m{number}" for number in range(10_000)]
    counted: list[float] = []

    def unclear(since: float) -> int:
        counted.append(since)
        return len(names)

    panic = Panic(RULE, names, unclear)
    assert all(panic.fail(name, 100 + number / 1e5) for number, name in enumerate(names))
    assert panic.since == 100
    assert panic.look(101) == []
    assert len(counted) == 1
    assert len(panic.look(160.2)) == 10_000
