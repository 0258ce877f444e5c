"""Is a failure held only while all peers have lost the check as well? By simulation of random histories."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from agent.shared import Shared
from vipwarden.config.panic import Rule

TICK = 0.1


class Node:
    """A node whose peers have the same checks; a peer whose state is None does not answer."""

    def __init__(self, checks: int, peers: int, rule: Rule) -> None:
        self.now = 100.0
        self.rule = rule
        self.seen = {f"c{number}": True for number in range(checks)}
        self.told = dict(self.seen)
        self.peers: list[dict[str, bool | None]] = [dict(self.seen) for _ in range(peers)]
        self.delay = 1.0  # seconds after a failure until the peers have looked as well
        self.shared = Shared(rule, self.seen, self.opinion)
        self.spent, self.well = 0.0, self.now

    def opinion(self, name: str, since: float) -> bool | None:
        """As the agent asks them."""
        states = [peer[name] for peer in self.peers]
        if None in states or not states:
            return False
        if self.now - since < self.delay:
            return None
        return not any(states)

    def set(self, name: str, up: bool) -> None:
        """Let the verdict on a check change."""
        if up is self.seen[name]:
            return
        self.seen[name] = up
        if up:
            self.shared.recover(name)
            self.told[name] = True
        else:
            self.told[name] = self.shared.fail(name, self.now)

    def run(self, seconds: float) -> None:
        """Let time pass, and see that nothing is told healthy that may not be."""
        end = self.now + seconds
        while self.now < end - 1e-9:
            self.now += TICK
            for name in self.shared.look(self.now):
                assert not self.seen[name]
                self.told[name] = False
            for name, at in self.shared.held.items():
                assert self.told[name]
                assert not self.seen[name]
                opinion = self.opinion(name, at)
                assert opinion or (opinion is None and self.now - at <= self.rule.window)
                assert self.now - at <= self.rule.longest + TICK
            for name, told in self.told.items():
                assert told is (self.seen[name] or name in self.shared.held)
            if self.shared.since is not None:
                self.spent += TICK
            if not all(self.seen.values()):
                self.well = self.now
            elif self.now - self.well >= self.rule.longest - TICK:
                self.spent = 0.0
            assert self.spent <= self.rule.longest + 3 * TICK


STATES = st.sampled_from([True, False, None])


@settings(max_examples=400, deadline=None)
@given(
    st.integers(1, 3),
    st.integers(0, 3),
    st.floats(2, 10),
    st.floats(0, 60),
    st.lists(
        st.tuples(st.floats(0.1, 40), st.integers(0, 2), st.booleans(), st.lists(STATES, min_size=3, max_size=3)),
        max_size=15,
    ),
)
def test_only_what_all_peers_have_lost_is_held_and_not_for_long(
    checks: int,
    peers: int,
    window: float,
    more: float,
    history: list[tuple[float, int, bool, list[bool | None]]],
) -> None:
    """Whatever fails here and there, and whoever answers: see run().

    Before the peers are heard a failure waits for a window at most; after that it is held only while each of them
    answers that it has lost the check, and all in all not for longer than ``longest``.
    """
    it = Node(checks, peers, Rule(50, window, window + more))
    for pause, number, up, states in history:
        name = f"c{number % checks}"
        for peer, state in zip(it.peers, states, strict=False):
            peer[name] = state
        it.set(name, up)
        it.run(pause)
    it.run(it.rule.longest + it.rule.window + 1)
    assert it.told == it.seen
    assert not it.shared.held


def test_a_gateway_that_both_have_lost_is_held_until_one_has_it() -> None:
    """The VIP stays; where the peer has the gateway again it gets the VIP at once."""
    it = Node(1, 1, Rule(50, 5, 60))
    it.peers[0]["c0"] = False
    it.set("c0", False)
    it.run(30)
    assert it.told == {"c0": True}
    it.peers[0]["c0"] = True
    it.run(0.2)
    assert it.told == {"c0": False}


@pytest.mark.parametrize("states", [[None], [False, None], [True, False], []])
def test_a_peer_that_is_healthy_or_silent_changes_nothing(states: list[bool | None]) -> None:
    """As without peers; the silence of one of two is enough."""
    it = Node(1, len(states), Rule(50, 5, 60))
    for peer, state in zip(it.peers, states, strict=True):
        peer["c0"] = state
    it.set("c0", False)
    it.run(1.2)
    assert it.told == {"c0": False}


def test_a_long_fault_of_both_is_told_in_the_end() -> None:
    """And no new time begins before nothing has failed for as long."""
    it = Node(1, 1, Rule(50, 5, 20))
    it.peers[0]["c0"] = False
    it.set("c0", False)
    it.run(19)
    assert it.told == {"c0": True}
    it.run(2)
    assert it.told == {"c0": False}
    for up in (True, False):
        it.set("c0", up)
        it.run(5)
        assert it.told == {"c0": up}
    it.set("c0", True)
    it.run(23)
    it.set("c0", False)
    it.run(5)
    assert it.told == {"c0": True}


def test_an_earlier_agent_has_used_some_of_the_time() -> None:
    """It goes on holding where the peers still say so."""
    it = Node(1, 1, Rule(50, 5, 60))
    it.peers[0]["c0"] = it.seen["c0"] = False
    assert it.shared.resume("c0", 10, it.now)
    it.run(9)
    assert it.told["c0"]
    it.run(2)
    assert not it.told["c0"]
