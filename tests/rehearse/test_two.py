"""Two faults at a time: what does the second do while the first lasts?"""

from __future__ import annotations

import time

import pytest

from rehearse.model.cluster import Link, Script
from rehearse.model.faults import DEAF, FAIL, FREEZE, KILL, POWER, STOP, Fault
from rehearse.model.two import pairs_of_faults, predict_two
from tests.rehearse.make import instance, pair

CHK = Link("script", "chk")
PAIR = pair(instance(150, CHK), instance(100, CHK))
HERE, THERE = (Fault(FAIL, (node,), "script", "chk") for node in (0, 1))
BOTH = Fault(DEAF, (0, 1), "", "eth0", both=True)


@pytest.mark.parametrize(
    ("first", "second", "before", "during", "after", "could"),
    [
        (HERE, THERE, (1,), (), (0,), ()),
        (HERE, Fault(POWER, (1,)), (1,), (), (0,), ()),
        (Fault(KILL, (0,)), HERE, (0, 1), (0, 1), (0,), (1,)),
        (Fault(FREEZE, (0,)), HERE, (0, 1), (0, 1), (0,), (1,)),
        (HERE, Fault(FREEZE, (0,)), (1,), (1,), (0,), (1,)),
        (BOTH, HERE, (0, 1), (1,), (0,), (1,)),
        (Fault(STOP, (1,)), Fault(STOP, (0,)), (0,), (), (0,), ()),
        (Fault(FAIL, (0,), "interface", "eth0"), BOTH, (1,), (1,), (0,), (1,)),
    ],
)
def test_the_second_fault_comes_while_the_first_lasts(
    first: Fault,
    second: Fault,
    before: tuple[int, ...],
    during: tuple[int, ...],
    after: tuple[int, ...],
    could: tuple[int, ...],
) -> None:
    """Both end at the same moment."""
    (row,) = predict_two(PAIR, [(first, second)])
    found = row.outcome
    owners = (found.before, found.latest.owners, found.mended_latest.owners)
    assert (row.faults, *owners, found.could) == ((first, second), before, during, after, could)


def test_what_goes_together_is_more_than_its_first_fault() -> None:
    """A node is not stopped twice; a script does not fail twice; nothing starts."""
    pairs = pairs_of_faults(PAIR)
    assert (HERE, THERE) in pairs
    assert (Fault(STOP, (0,)), Fault(POWER, (0,))) not in pairs
    assert all(one != other for one, other in pairs)
    assert not any(one.name == other.name == "chk" and one.nodes == other.nodes for one, other in pairs)


def test_a_bench_is_as_it_was_after_any_two_faults() -> None:
    """Alone, or after all others: a pair has one outcome."""
    together = predict_two(PAIR)
    assert [predict_two(PAIR, [row.faults])[0] for row in together[::7]] == together[::7]


def test_all_pairs_of_faults_take_less_than_two_seconds() -> None:
    """Of processor time, for three VIPs."""
    one, other = (tuple(instance(it + vrid, CHK, vrid=vrid) for vrid in (1, 2, 3)) for it in (150, 100))
    begun = time.process_time()
    assert len(predict_two(pair(one, other))) > 700
    assert time.process_time() - begun < 20  # 0.4 s where nothing else runs


def test_who_is_back_first_decides_between_equals() -> None:
    """Keepalived that starts and an interface that comes up take their time: both outcomes are told."""
    equal = pair(instance(100), instance(100))
    (row,) = predict_two(equal, [(Fault(FAIL, (1,), "interface", "eth0"), Fault(KILL, (0,)))])
    assert {row.outcome.mended_soonest.owners, row.outcome.mended_latest.owners} == {(0,), (1,)}


def test_slow_scripts_of_two_nodes_come_to_an_end() -> None:
    """Each takes days, while others send each 10 ms."""
    one = instance(150, CHK, interval=10, version=3, preempt_delay=900_000)
    slow = pair(one, instance(100, CHK, interval=10, version=3), Script(86_400_000, rise=9999, fall=9999))
    begun = time.process_time()
    (row,) = predict_two(slow, [(HERE, THERE)])
    assert row.outcome.latest.owners == ()
    assert time.process_time() - begun < 20  # 0.1 s where nothing else runs
