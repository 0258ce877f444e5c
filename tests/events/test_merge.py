"""How far apart are the clocks of two nodes?"""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.events.make import EPOCH, event, vrrp
from vipwarden.events.clocks import Bound, agreed
from vipwarden.events.merge import about, merged

if TYPE_CHECKING:
    from vipwarden.events.event import Event

# what happens: the seconds since the last time, and how the first node loses its VIP
HOW = st.sampled_from(["FAULT", "STOP", "preempted"])
COURSE = st.lists(st.tuples(st.floats(20, 600), HOW), min_size=2, max_size=8)
LATE = st.floats(0, 0.05)


def history(course: list[tuple[float, str]], ahead: float, late: float, skew: float) -> tuple[list[Event], list[Event]]:
    """Return what two nodes record whose VIP goes from one to the other and back; the second's clock is ahead."""
    one, two, at = [], [], 0.0
    for passed, how in course:
        at += passed
        if how == "preempted":
            two.append(vrrp(at, "BACKUP", "MASTER", node="lb2", ahead=ahead))
            one.append(vrrp(at + late, "MASTER", "BACKUP"))
        else:
            one.append(vrrp(at, "MASTER", how))
            two.append(vrrp(at + skew + late, "BACKUP", "MASTER", node="lb2", ahead=ahead))
            one.append(vrrp(at + 5, how, "BACKUP"))
        one.append(vrrp(at + 10, "BACKUP", "MASTER"))
        two.append(vrrp(at + 10 + late, "MASTER", "BACKUP", node="lb2", ahead=ahead))
    return one, two


@given(COURSE, st.floats(-3000, 3000), LATE, st.floats(0.004, 1))
def test_clocks_that_differ_are_corrected(
    course: list[tuple[float, str]], ahead: float, late: float, skew: float
) -> None:
    """What both saw says by how much, to a fraction of a second, and the order is that in which it happened."""
    one, two = history(course, ahead, late, skew)
    whole, offsets = merged([one, two])
    offset = offsets["lb2"]
    assert offset is not None
    assert abs(offset.seconds - ahead) <= 0.1 + offset.error
    if min(passed for passed, _ in course) > 30 and len({round(passed) for passed, _ in course}) > 1:
        assert offset.error < 0.2
    assert len(whole) == len(one) + len(two)
    assert [it.time for it in whole] == sorted(it.time for it in whole)


def test_clocks_that_agree_are_not_touched() -> None:
    """Within what the adverts can say."""
    one, two = history([(100, "FAULT"), (300, "preempted")], 0.0, 0.01, 0.6)
    offset = merged([one, two])[1]["lb2"]
    assert offset is not None
    assert offset.seconds == 0


def test_three_seconds_apart_the_cause_stands_first() -> None:
    """The VIP comes to the second node after the first has lost it, whatever their clocks say."""
    one, two = history([(100, "FAULT"), (300, "preempted")], -3.0, 0.01, 0.6)
    one.insert(0, event(99.9, "check", "haproxy", bid="lb1", before="OK", state="CRITICAL"))
    two.append(event(100.62, "vip", "192.0.2.1", node="lb2", bid="lb2", ahead=-3.0, state="held"))
    whole, _ = merged([one, two])
    assert [(it.node, it.state) for it in whole[:4]] == [
        ("lb1", "CRITICAL"),
        ("lb1", "FAULT"),
        ("lb2", "MASTER"),
        ("lb2", "held"),
    ]


@pytest.mark.parametrize("ahead", [3.0, -3.0, 0.0])
@pytest.mark.parametrize("ended", [99.9, 100.5])
def test_vips_alone_do_when_the_trouble_is_recorded(ahead: float, ended: float) -> None:
    """A VIP that left by trouble, and was taken back: the other way round the times would fit as well."""
    one: list[Event] = []
    two: list[Event] = []
    for at, events, node, state in (
        (100.0, one, "lb1", "gone"),
        (100.31, two, "lb2", "held"),
        (109.9, one, "lb1", "held"),
        (109.92, two, "lb2", "gone"),
    ):
        far = ahead if node == "lb2" else 0.0
        events.append(event(at, "vip", "192.0.2.1", node=node, bid=node, ahead=far, state=state))
    one.append(event(ended, "process", "haproxy", bid="lb1", state="ended"))
    whole, offsets = merged([one, two])
    offset = offsets["lb2"]
    assert offset is not None
    assert abs(offset.seconds - ahead) <= 0.05
    assert [it.state for it in whole] == (
        ["ended", "gone", "held", "held", "gone"] if ended < 100 else ["gone", "held", "ended", "held", "gone"]
    )


def test_two_nodes_that_did_not_hear_each_other_say_nothing_of_their_clocks() -> None:
    """Both took the VIPs, and gave them back: no change of one has a cause at the other."""
    one: list[Event] = []
    two: list[Event] = []
    for at, events, node, name, state in (
        (66.64, one, "lb1", "first", "held"),
        (66.65, two, "lb2", "second", "held"),
        (73.06, one, "lb1", "second", "held"),
        (73.05, two, "lb2", "first", "held"),
        (83.57, one, "lb1", "second", "gone"),
        (83.56, two, "lb2", "first", "gone"),
    ):
        far = 3.0 if node == "lb2" else 0.0
        events.append(event(at, "vip", name, node=node, bid=node, ahead=far, state=state))
    assert merged([one, two])[1]["lb2"] is None


@pytest.mark.parametrize("ahead", [3.0, -3.0, 0.0])
def test_a_keepalived_that_is_stopped_gave_its_vips_up(ahead: float) -> None:
    """Some VIPs of one instance move together: they are no more than one change."""
    one: list[Event] = []
    two: list[Event] = []
    for name in ("a", "b", "c"):
        one.append(event(24.02, "vip", name, node="lb1", bid="lb1", state="held"))
        one.append(event(24.42, "vip", name, node="lb1", bid="lb1", state="gone"))
        two.append(event(24.72, "vip", name, node="lb2", bid="lb2", ahead=ahead, state="held"))
    one.append(event(25.53, "process", "keepalived", node="lb1", bid="lb1", state="ended"))
    offset = merged([one, two])[1]["lb2"]
    assert offset is not None
    assert abs(offset.seconds - ahead) <= offset.error


def test_instances_of_one_name_with_other_vips_have_nothing_in_common() -> None:
    """They are two routers, whose states tell nothing of each other."""
    one, two = history([(100, "FAULT"), (300, "preempted")], 3.0, 0.01, 0.6)
    one.append(event(500, "vip", "192.0.2.1", bid="lb1", of="VI_1", state="held"))
    two.append(event(500, "vip", "192.0.2.2", node="lb2", bid="lb2", of="VI_1", state="held"))
    assert merged([one, two])[1]["lb2"] is None


def test_without_anything_in_common_nothing_is_claimed() -> None:
    """Their clocks are shown as they are."""
    _, offsets = merged([[event(1, node="lb1")], [event(2, node="lb2")]])
    assert offsets["lb2"] is None


def test_a_file_that_is_given_twice_counts_once() -> None:
    """As a folder and a copy of it."""
    events = [event(1), event(2)]
    whole, offsets = merged([events, events])
    assert len(whole) == 2
    assert list(offsets) == ["lb1"]


@given(st.lists(st.tuples(st.floats(-1e3, 1e3), st.floats(0, 10)), min_size=1, max_size=20))
def test_the_agreed_difference_is_within_most_bounds(spans: list[tuple[float, float]]) -> None:
    """No other is within more of them."""
    bounds = [Bound(low, low + width) for low, width in spans]
    found = agreed(bounds)
    assert found is not None

    def within(seconds: float) -> int:
        return sum(it.low - 1e-6 <= seconds <= it.high + 1e-6 for it in bounds)

    assert within(found.seconds) >= found.pairs or found.seconds == 0
    assert found.pairs >= max(sum(it.low <= other.low <= it.high for it in bounds) for other in bounds)


def test_hundreds_of_vips_that_flap_take_no_time() -> None:
    """Each change is compared with each of the other node, but for so many that the last do."""

    def changes(node: str, late: float) -> list[Event]:
        """Return the changes of a node, whose VIPs go whenever they come to the other."""
        states = ("held", "gone") if node == "lb1" else ("gone", "held")
        moves = [(turn, vip) for turn in range(40) for vip in range(300)]
        return [
            event(turn * 10 + vip / 1000 + late, "vip", f"192.0.2.{vip}", node=node, of="VI_1", state=states[turn % 2])
            for turn, vip in moves
        ]

    begun = time.process_time()
    _, offsets = merged([changes("lb1", 0.0), changes("lb2", 3.0)])
    assert time.process_time() - begun < 8
    offset = offsets["lb2"]
    assert offset is not None
    assert abs(offset.seconds - 3) < 0.2


def wrong_by(whole: list[Event]) -> float:
    """Return by how many seconds the worst time of a node is wrong; EPOCH + boot is the truth."""
    return max(abs(it.time - EPOCH - it.boot) for it in whole)


FAILURES = [(20_000.0 + 7_000 * place, how) for place, how in enumerate(["FAULT", "preempted", "STOP"] * 5)]


@pytest.mark.parametrize("rate", [20e-6, -20e-6, 100e-6])
def test_a_clock_that_drifts_is_right_all_along(rate: float) -> None:
    """Nobody corrects it: after a week it is ahead by a minute."""
    one, two = history(FAILURES, 3.0, 0.01, 0.6)
    for it in two:
        it.wall += rate * it.boot
    whole, offsets = merged([one, two])
    assert wrong_by(whole) < 0.2
    assert "and at the end" in about(offsets)[0]


def test_each_boot_has_its_own_difference() -> None:
    """A clock without a battery; a boot of which nothing is known is taken to be as that before."""
    one, two = history(FAILURES, 3.0, 0.01, 0.6)
    third = len(two) // 3
    for it in two[third:]:
        it.wall += 40
        it.bid = "later"
    two += [event(one[-1].boot + at, node="lb2", bid="last", ahead=43.0) for at in (100.0, 200.0)]
    assert wrong_by(merged([one, two])[0]) < 0.2


def test_a_boot_with_a_single_change_is_as_the_others() -> None:
    """The other node had lost its power, and recorded nothing: what it did hours ago has nothing to do with it."""
    one, two = history(FAILURES, 3.0, 0.01, 0.6)
    alone = vrrp(one[-1].boot + 5000, "BACKUP", "MASTER", node="lb2", ahead=3.0)
    alone.bid = "later"
    assert wrong_by(merged([one, [*two, alone]])[0]) < 0.2


def test_many_nodes_and_boots_take_no_time() -> None:
    """As a container has another name at each start; and whatever somebody writes."""
    names = [event(float(at), "vip", "a", of="V", node=f"c{at % 3000}", bid=f"b{at}") for at in range(20_000)]
    begun = time.process_time()
    _, offsets = merged([names])
    states = ("held", "gone")
    one, two = (
        [event(at, "vip", "a", of="V", node=node, bid=f"{node}{at // 4}", state=states[at % 2]) for at in range(20_000)]
        for node in ("a", "b")
    )
    merged([one, two, [event(it.boot, "process", node="b", bid=it.bid, state="ended") for it in two]])
    assert time.process_time() - begun < 8
    assert about(offsets)[-1] == "2984 more nodes: their clocks are not compared with that of c0"
