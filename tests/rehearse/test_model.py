"""Are the times of the model those that were measured with keepalived 2.2.7 and 2.3.3? In ms, +-30."""

from __future__ import annotations

import random
import time
from dataclasses import replace
from typing import Any

import pytest

from rehearse.model.cluster import Group, Instance, Link, Node, Script
from rehearse.model.faults import DEAF, FAIL, FREEZE, KILL, POWER, START, STOP, Fault, faults
from rehearse.model.nodes import start
from rehearse.model.parts import parts
from rehearse.model.predict import predict
from rehearse.model.run import Run
from rehearse.model.trackers import change
from tests.rehearse.make import instance, outcome, pair

CHK = Link("script", "chk")
DIES = Fault(FAIL, (0,), "script", "chk")
STARTS = Fault(START, (0, 1))
BOTH = Fault(DEAF, (0, 1), "", "eth0", both=True)
FAST = {"version": 3}


def weighted(weight: int, *, reverse: bool = False) -> Link:
    """Return the script with a weight."""
    return Link("script", "chk", weight, reverse)


@pytest.mark.parametrize(
    ("own", "after"),
    [
        ({"priority": 100}, 3609),
        ({"priority": 1}, 3996),
        ({"priority": 200, "interval": 2000}, 6219),
        ({"priority": 1, "interval": 5000}, 15996),
        ({"priority": 200, "interval": 2000, **FAST}, 6438),
        ({"priority": 1, "interval": 5000, **FAST}, 19980),
        ({"priority": 100, "interval": 300, **FAST}, 1083),
        ({"priority": 250, "interval": 100, **FAST}, 302),
        ({"priority": 200, "down_adverts": 2}, 2219),
    ],
)
def test_a_silent_master_is_replaced_after_the_down_interval(own: dict[str, Any], after: int) -> None:
    """From its last advert on: the skew time has no interval in version 2."""
    own = {"interval": 1000, **own}
    shared = {key: value for key, value in own.items() if key in ("interval", "version")}
    found = outcome(pair(instance(254, **shared), instance(**own)), Fault(POWER, (0,)))
    assert found.latest.owners == (1,)
    assert found.latest.without == pytest.approx(after, abs=3)
    assert found.soonest.without == pytest.approx(after - own["interval"], abs=3)


@pytest.mark.parametrize(("priority", "skew"), [(100, 609), (250, 23)])
def test_a_master_that_says_so_is_replaced_after_the_skew_time(priority: int, skew: int) -> None:
    """By SIGTERM or in FAULT: it sends priority 0."""
    stopped = outcome(pair(instance(254), instance(priority)), Fault(STOP, (0,)))
    failed = outcome(pair(instance(254, CHK), instance(priority)), DIES)
    for found in (stopped, failed):
        assert (found.latest.owners, found.latest.without, found.soonest.without) == ((1,), skew, skew)


def test_without_a_word_the_vip_stays() -> None:
    """After kill -9, and where keepalived is frozen: two nodes hold it until it is mended."""
    for kind in (KILL, FREEZE):
        found = outcome(pair(instance(150), instance(100)), Fault(kind, (0,)))
        assert (found.latest.owners, found.latest.without) == ((0, 1), 0)
        assert found.mended_latest.owners == (0,)


def test_of_equals_that_go_at_the_same_moment_the_higher_address_wins() -> None:
    """Both become MASTER before either hears the other: at the start, and when the one before them is gone."""
    two = pair(instance(100), instance(100))
    third = Node("lb3", (replace(two.nodes[0].instances[0], source=2),), scripts=two.nodes[0].scripts)
    cluster = replace(two, nodes=(*two.nodes, third))
    assert outcome(two, STARTS).latest.owners == (1,)
    assert outcome(cluster, Fault(START, (0, 1, 2))).latest.owners == (2,)
    assert outcome(cluster, Fault(POWER, (2,))).latest.owners == (1,)


def test_a_track_file_has_one_value_for_all_that_track_it() -> None:
    """Where one takes it as a priority, it is a reason for FAULT with a greater weight."""
    links = (Link("file", "load", -30), Link("file", "load", -1))
    one, other = (tuple(instance(it, link, vrid=vrid) for vrid, link in enumerate(links, 1)) for it in (200, 150))
    fails = Fault(FAIL, (0,), "file", "load")
    assert outcome(pair(one[:1], other[:1]), fails, 1).latest.owners == (0,)
    both = [outcome(pair(one, other), fails, vrid).latest.owners for vrid in (1, 2)]
    assert both == [(1,), (1,)]


@pytest.mark.parametrize("name", ["eth0", "eth1"])
def test_a_fault_just_after_an_advert_is_after_those_of_the_whole_group(name: str) -> None:
    """They are sent in the same millisecond."""
    both: tuple[dict[str, Any], ...] = ({"name": "OUT", "vrid": 1}, {"name": "IN", "vrid": 2, "interface": "eth1"})
    one, other = (tuple(instance(it, **{"vips": (), **more}) for more in both) for it in (150, 100))
    found = outcome(pair(one, other, groups=(Group("G", ("OUT", "IN")),)), Fault(FAIL, (0,), "interface", name), 1)
    assert (found.soonest.without, found.latest.without) == (2610, 3609)


@pytest.mark.parametrize(
    ("script", "least", "most"), [(Script(fall=3), 2000, 3000), (Script(2000, fall=2), 2000, 4000), (Script(), 0, 1000)]
)
def test_a_script_fails_after_its_fall(script: Script, least: int, most: int) -> None:
    """Between fall - 1 and fall intervals; then the skew time without the VIP."""
    found = outcome(pair(instance(150, CHK), instance(100), script), DIES)
    assert (found.soonest.lost, found.latest.lost) == (least + 609, most + 609)


def test_a_weight_hands_over_without_a_gap_but_late() -> None:
    """The peer discards lower adverts, and takes over a down interval after the last that it took."""
    found = outcome(pair(instance(150, weighted(-60)), instance(100)), DIES)
    assert (found.latest.owners, found.latest.without, found.latest.two) == ((1,), 0, 0)
    assert found.soonest.lost == pytest.approx(2609, abs=3)
    assert found.latest.lost == pytest.approx(4609, abs=3)


@pytest.mark.parametrize(
    ("one", "other", "owner"),
    [
        (instance(150, weighted(-50)), instance(100), 0),  # equal is not lower
        (instance(150, weighted(-51)), instance(100), 1),
        (instance(150, weighted(-60)), instance(100, nopreempt=True), 0),
        (instance(100, weighted(60)), instance(150, weighted(5)), 1),
        (instance(100, weighted(60)), instance(101), 1),
        (instance(150, weighted(60, reverse=True)), instance(100), 0),
        (instance(255, weighted(-60), is_master=True), instance(100), 0),
        (instance(150, weighted(-253)), instance(2), 1),  # the sum is below 1, and counts as 1
    ],
)
def test_who_holds_the_vip_while_a_weighted_script_fails(one: Instance, other: Instance, owner: int) -> None:
    """Only a peer with more, that preempts."""
    assert outcome(pair(one, other), DIES).latest.owners == (owner,)


def test_only_the_sum_of_the_weights_is_clamped() -> None:
    """100 +30 -40 -20 -15 is 55; each comes back by itself."""
    links = [Link("file", name, weight) for name, weight in (("a", -40), ("b", -120), ("c", 1))]
    found = outcome(pair(instance(150, *links), instance(20)), Fault(FAIL, (0,), "file", "b"))
    assert (found.latest.owners, found.mended_latest.owners) == ((0,), (0,))
    found = outcome(pair(instance(150, *links), instance(31)), Fault(FAIL, (0,), "file", "b"))
    assert (found.latest.owners, found.mended_latest.owners) == ((1,), (0,))


def test_a_file_far_below_is_fault() -> None:
    """With weight 1 a value of -254; with priority 255 any value but 0."""
    for priority in (150, 255):
        one = instance(priority, Link("file", "f", 1), is_master=priority == 255)
        found = outcome(pair(one, instance(100)), Fault(FAIL, (0,), "file", "f"))
        assert (found.latest.owners, found.latest.without) == ((1,), 609)


@pytest.mark.parametrize(
    ("one", "first"),
    [
        (instance(255, is_master=True), 1),
        (instance(255), 3003),
        (instance(100, is_master=True), 3609),
        (instance(100), 3609),
    ],
)
def test_state_master_speeds_up_the_owner_of_the_address_alone(one: Instance, first: int) -> None:
    """255 and MASTER at once; below 255 it changes nothing."""
    assert outcome(pair(one, instance(50)), STARTS).latest.without == pytest.approx(first, abs=3)


def test_preempt_delay_counts_from_the_first_lower_advert() -> None:
    """It does not wait where nobody sends."""
    one = instance(150, CHK, preempt_delay=3000)
    found = outcome(pair(one, instance(100)), DIES)
    assert found.mended_latest.owners == (0,)
    assert 5400 <= found.mended_soonest.last <= found.mended_latest.last <= 8500
    assert outcome(pair(one, instance(100)), STARTS).latest.without == pytest.approx(3414, abs=70)


def test_a_sync_group_moves_as_one() -> None:
    """One member in FAULT takes all; a weight of one member moves nothing."""
    group = Group("G", ("VI_51", "VI_52"))

    def cluster(link: Link, *, is_weighted: bool) -> tuple[Any, ...]:
        groups = (Group("G", group.members, is_weighted),)
        one, other = (
            (instance(priority, link), instance(priority, vrid=52, interface="eth1")) for priority in (150, 100)
        )
        return tuple(outcome(pair(one, other, groups=groups), DIES, vrid).latest.owners for vrid in (51, 52))

    assert cluster(CHK, is_weighted=False) == ((1,), (1,))
    assert cluster(weighted(-60), is_weighted=False) == ((0,), (0,))
    assert cluster(weighted(-60), is_weighted=True) == ((0,), (0,))


def test_a_script_of_instance_and_group_keeps_it_in_fault_for_ever() -> None:
    """It waits for two first results, and gets one."""
    both = (Group("G", ("VI_51", "VI_52"), links=(CHK,)),)
    one, other = ((instance(it, CHK), instance(it, vrid=52)) for it in (150, 100))
    assert outcome(pair(one, other, groups=both), STARTS).latest.owners == ()
    one, other = ((instance(it), instance(it, vrid=52)) for it in (150, 100))
    assert outcome(pair(one, other, groups=both), STARTS).latest.owners == (0,)


@pytest.mark.parametrize(
    ("one", "other", "checks", "owners"),
    [
        ({}, {"interval": 2000}, True, (0, 1)),
        (FAST, {"interval": 2000, **FAST}, True, (0,)),
        ({}, FAST, True, (0, 1)),
        ({}, {"secret": ("PASS", "other")}, True, (0, 1)),
        ({}, {"unicast": True}, True, (0, 1)),
        ({}, {"carried": frozenset({"192.0.2.11"})}, True, (0, 1)),
        ({}, {"carried": frozenset({"192.0.2.11"})}, False, (0,)),
    ],
)
def test_nodes_that_do_not_hear_each_other_both_hold_it(
    one: dict[str, Any], other: dict[str, Any], checks: bool, owners: tuple[int, ...]
) -> None:
    """Other VIPs are only logged from 2.3.3 on."""
    found = outcome(pair(instance(150, **one), instance(100, **other), is_old=checks), STARTS)
    assert found.latest.owners == owners


def test_the_heal_of_a_split_takes_at_most_an_interval() -> None:
    """The next advert decides."""
    for interval in (1000, 3000):
        made = pair(instance(150, interval=interval), instance(100, interval=interval))
        found = outcome(made, BOTH)
        assert found.latest.owners == (0, 1)
        assert found.mended_latest.owners == (0,)
        assert max(found.mended_soonest.two, found.mended_latest.two) <= interval


def test_interfaces_count_once_and_those_of_the_vips_count() -> None:
    """A track_interface of the own interface is left out; dont_track_primary leaves the VIP where nobody reaches it."""
    down = Fault(FAIL, (0,), "interface", "eth0")
    other = Fault(FAIL, (0,), "interface", "eth9")
    own = Link("interface", "eth0", -10)
    assert outcome(pair(instance(150, own), instance(100)), down).latest.owners == (1,)
    kept = outcome(pair(instance(150, tracks_own=False), instance(100)), down)
    assert kept.latest.owners == (1,)
    assert kept.mended_latest.owners == (0,)
    spread = instance(150, vips=(("192.0.2.10", "eth9"),))
    assert outcome(pair(spread, instance(100)), other).latest.owners == (1,)


def test_two_hundred_instances_and_fifty_faults_take_less_than_two_seconds() -> None:
    """Of processor time; also where hardly two instances are alike."""
    random.seed(7)
    nodes = []
    scripts = {f"s{number}": Script(1000 * (1 + number % 3), fall=1 + number % 2) for number in range(40)}
    for place in range(2):
        made = tuple(
            instance(
                random.randint(2, 250),
                Link("script", f"s{vrid % 40}", random.choice([0, -20, -60])),
                vrid=vrid,
                source=place,
            )
            for vrid in range(1, 201)
        )
        nodes.append(Node(f"lb{place}", made, scripts=scripts))
    cluster = type(pair(instance(1), instance(2)))(tuple(nodes))
    chosen = faults(cluster)[:50]
    begun = time.process_time()
    rows = predict(cluster, chosen)
    assert len(rows) >= 200
    assert time.process_time() - begun < 20  # 2 s where nothing else runs


@pytest.mark.parametrize("fall", [60, 99_999])
def test_long_waits_are_waited_for_and_cost_nothing(fall: int) -> None:
    """Adverts each 10 ms and a script that fails after a day, a preempt_delay of a quarter of an hour."""
    links = Link("script", "chk", -60)
    one = instance(150, links, interval=10, version=3, preempt_delay=900_000)
    other = instance(100, links, interval=10, version=3, preempt_delay=900_000)
    begun = time.process_time()
    found = outcome(pair(one, other, Script(86_400_000, fall=fall)), DIES)
    assert (found.latest.owners, found.latest.settled) == ((1,), True)
    assert found.latest.lost == pytest.approx(86_400_000 * fall + 900_000, abs=200)
    assert found.mended_latest.owners == (0,)
    assert time.process_time() - begun < 10  # 0.1 s where nothing else runs


@pytest.mark.parametrize(("is_old", "after"), [(True, 10_970), (False, 6390)])
def test_a_startup_delay_is_waited_for(is_old: bool, after: int) -> None:
    """Up to 2.3.2 each lower advert puts its end off."""
    one = Fault(POWER, (0,))
    cluster = pair(instance(150), instance(100), is_old=is_old)
    late = replace(cluster, nodes=(replace(cluster.nodes[0], startup_delay=3000), cluster.nodes[1]))
    found = outcome(late, one)
    assert found.mended_latest.owners == (0,)
    least, most = sorted((found.mended_soonest.last, found.mended_latest.last))
    assert least - 30 <= after <= most + 30
    found = outcome(replace(cluster, nodes=(replace(cluster.nodes[0], startup_delay=60_000), cluster.nodes[1])), STARTS)
    assert found.latest.owners == (0,)
    assert found.latest.last == (pytest.approx(1_655_000, abs=60_000) if is_old else pytest.approx(63_414, abs=10))


def test_a_thousand_members_of_one_group_end_in_bounded_time() -> None:
    """Each with an interface and a script."""
    names = tuple(f"V{number}" for number in range(500))
    made = []
    for place in range(2):
        members = tuple(
            instance(
                150 - 50 * place, CHK, vrid=1 + number % 255, name=name, interface=f"eth{number // 255}", source=place
            )
            for number, name in enumerate(names)
        )
        made.append(Node(f"lb{place}", members, (Group("G", names),), {"chk": Script()}))
    begun = time.process_time()
    found = outcome(type(pair(instance(1), instance(2)))(tuple(made)), DIES, 1)
    assert (found.latest.owners, found.latest.without) == ((1,), 609)
    assert time.process_time() - begun < 40  # 2 s where nothing else runs


def test_who_is_first_decides_between_equals() -> None:
    """Both may hold it after a fault on all nodes: each learns of its end at its own moment."""
    node = instance(100, Link("file", "f"))
    found = outcome(pair(node, node), Fault(FAIL, (0, 1), "file", "f"))
    assert {found.mended_soonest.owners, found.mended_latest.owners} == {(0,), (1,)}


def test_an_interface_keeps_its_weight_in_a_sync_group() -> None:
    """It is tracked before the weight is taken away, and no FAULT (2.2.7 and 2.3.3)."""
    groups = (Group("G", ("VI_51",)),)
    down = Fault(FAIL, (0,), "interface", "eth9")
    found = outcome(pair(instance(150, Link("interface", "eth9", -60)), instance(100), groups=groups), down)
    assert (found.latest.owners, found.mended_latest.owners) == ((1,), (0,))
    assert found.latest.without == 0


@pytest.mark.parametrize(("is_old", "owners"), [(True, (1,)), (False, (0,))])
def test_the_first_interface_that_comes_up_ends_fault_from_2_3_3_on(is_old: bool, owners: tuple[int, ...]) -> None:
    """All share a flag; up to 2.3.2 they are counted."""
    links = (Link("interface", "eth8"), Link("interface", "eth9"))
    cluster = pair(instance(150, *links), instance(100), is_old=is_old)
    part = parts(cluster)[0]
    run = Run(cluster, part)
    start(run, {0, 1})
    run.settle()
    for name, value in (("eth8", 0), ("eth9", 0), ("eth8", 1)):
        change(run, (0, "interface", name), value)
        run.settle()
    assert run.log[0][-1].owners == owners
