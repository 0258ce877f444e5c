"""Why did a VIP move?"""

from __future__ import annotations

from math import inf
from typing import TYPE_CHECKING

import pytest

from tests.events.make import event, vrrp
from vipwarden.events.explain import as_text, chains
from vipwarden.events.order import corrected

if TYPE_CHECKING:
    from vipwarden.events.event import Event


def failover(at: float = 0.0) -> list[Event]:
    """Return what happens when HAProxy is killed."""
    return [
        event(at + 10.0, "check", "haproxy", before="OK", state="CRITICAL", text="no process", bid="lb1"),
        vrrp(at + 10.31, "MASTER", "FAULT"),
        event(at + 10.32, "vip", "192.0.2.1", of="VI_1", state="gone", text="on eth0", bid="lb1"),
        vrrp(at + 10.95, "BACKUP", "MASTER", node="lb2"),
        event(at + 10.96, "vip", "192.0.2.1", of="VI_1", node="lb2", state="held", text="on eth0", bid="lb2"),
    ]


def test_a_chain_has_its_cause_first() -> None:
    """And the time without a VIP, from the failure to the VIP on the other node."""
    (chain,) = chains(corrected(failover()))
    lines = list(as_text(chain))
    assert "check haproxy OK -> CRITICAL: no process" in lines[0]
    assert "+0.31 s" in lines[1]
    assert "lb2" in lines[3]
    assert "clients were without for about 1.0 s" in lines[-1]
    assert chain.instances == ["VI_1"]


def test_what_is_long_ago_or_healthy_is_no_cause() -> None:
    """Nor a check that recovers by itself long before."""
    before = [
        event(1, "check", "old", before="OK", state="CRITICAL"),
        event(105, "check", "fine", before="", state="OK"),
    ]
    (chain,) = chains(corrected(before + failover(100)))
    assert chain.events[0].name == "haproxy"


def test_two_failovers_are_two_chains() -> None:
    """No event is in both."""
    found = chains(corrected(failover() + failover(100)))
    assert len(found) == 2
    assert [len(it.events) for it in found] == [5, 5]


def test_a_failure_and_the_quick_return_are_two_chains() -> None:
    """Each with its own cause; what fails between the loss and the new MASTER belongs to the loss."""
    one = failover()
    one.insert(3, event(10.85, "check", "other", before="OK", state="CRITICAL", bid="lb1"))
    back = [
        event(12.0, "check", "haproxy", before="CRITICAL", state="OK", bid="lb1"),
        vrrp(13.5, "BACKUP", "MASTER"),
        event(13.51, "vip", "192.0.2.1", of="VI_1", state="held", bid="lb1"),
    ]
    found = chains(one + back)
    assert [it.events[0].state for it in found] == ["CRITICAL", "OK"]
    assert [len(it.events) for it in found] == [6, 3]
    assert found[0].without is not None
    assert abs(found[0].without - 0.96) < 0.01


def test_without_a_change_of_master_there_is_no_chain() -> None:
    """A check alone moves nothing."""
    assert chains([event(1, state="CRITICAL", before="OK"), vrrp(2, "BACKUP", "FAULT")]) == []


def test_a_check_that_recovers_explains_who_preempts() -> None:
    """The node of higher priority is healthy again; what fails on it meanwhile is no cause."""
    (chain,) = chains(
        [
            event(1.0, "check", "other", node="lb2", bid="lb2", before="", state="CRITICAL"),
            event(2.0, "check", "haproxy", node="lb2", bid="lb2", before="CRITICAL", state="OK"),
            vrrp(5.6, "BACKUP", "MASTER", node="lb2"),
            vrrp(5.61, "MASTER", "BACKUP"),
        ]
    )
    assert [it.name for it in chain.events] == ["haproxy", "VI_1", "VI_1"]
    assert chain.without is None


def vip(at: float, state: str, node: str = "lb1") -> Event:
    """Return an event of the VIP."""
    return event(at, "vip", "192.0.2.1", of="VI_1", state=state, node=node, bid=node)


def check(at: float, name: str, before: str, state: str, node: str = "lb1") -> Event:
    """Return an event of a check."""
    return event(at, "check", name, before=before, state=state, node=node, bid=node)


def other(at: float, kind: str, state: str, node: str = "lb1", name: str = "") -> Event:
    """Return an event of another kind."""
    return event(at, kind, name or kind, state=state, node=node, bid=node)


def taken(at: float, node: str = "lb2") -> list[Event]:
    """Return what a node records that takes the VIP over."""
    return [vrrp(at, "BACKUP", "MASTER", node=node), vip(at + 0.01, "held", node)]


KILLED = [check(11.5, "haproxy", "OK", "CRITICAL"), vrrp(11.8, "MASTER", "FAULT"), vip(11.81, "gone"), *taken(12.4)]
FLAPS = [("OK", "CRITICAL"), ("CRITICAL", "OK")] * 3


@pytest.mark.parametrize(
    "nearby",
    [
        pytest.param([check(5, "disk", "OK", "CRITICAL")], id="a check that moves nothing"),
        pytest.param([check(9, "disk", "OK", "CRITICAL"), check(10, "disk", "CRITICAL", "OK")], id="it was over"),
        pytest.param([check(4 + at, "web", *how) for at, how in enumerate(FLAPS)], id="it flaps"),
        pytest.param([check(4 + at, "web", *how, node="lb2") for at, how in enumerate(FLAPS)], id="it flaps elsewhere"),
        pytest.param([other(9, "agent", "stop"), other(10, "agent", "start")], id="a restart of the agent"),
        pytest.param(
            [other(9, "maintenance", "begin"), other(10, "maintenance", "end")], id="a maintenance that is over"
        ),
        pytest.param([other(9, "maintenance", "begin", "lb2")], id="a maintenance of the other node"),
        pytest.param([other(11, "ipvs", "weight 0"), other(11, "haproxy", "DOWN")], id="a real server"),
    ],
)
def test_what_happened_nearby_is_no_cause(nearby: list[Event]) -> None:
    """Nor does it make the outage longer."""
    (chain,) = chains(corrected([*nearby, *KILLED]))
    assert [it.name for it in chain.events] == ["haproxy", "VI_1", "192.0.2.1", "VI_1", "192.0.2.1"]
    assert chain.without == pytest.approx(0.91)


def test_what_leads_to_each_other_is_one_cause() -> None:
    """The process ends, the agent stands still, its check sees it late, and then knows less."""
    before = [
        other(9.2, "process", "ended", name="haproxy"),
        other(11.4, "agent", "stall"),
        KILLED[0],
        check(11.6, "haproxy", "CRITICAL", "UNKNOWN"),
    ]
    (chain,) = chains(corrected([*before, *KILLED[1:]]))
    assert [it.state for it in chain.events[:4]] == ["ended", "stall", "CRITICAL", "FAULT"]
    assert chain.without == pytest.approx(3.21)


def test_a_maintenance_of_both_nodes_is_an_outage() -> None:
    """Nobody takes the VIP until one of them ends: both changes say for how long."""
    events = [
        other(10, "maintenance", "begin", "lb2"),
        vrrp(10.3, "BACKUP", "FAULT", node="lb2"),
        other(20, "maintenance", "begin"),
        vrrp(20.5, "MASTER", "FAULT"),
        vip(20.51, "gone"),
        other(60, "maintenance", "end", "lb2"),
        vrrp(60.5, "FAULT", "BACKUP", node="lb2"),
    ]
    (chain,) = chains(corrected(list(events)))
    assert [(it.node, it.state) for it in chain.events] == [("lb1", "begin"), ("lb1", "FAULT"), ("lb1", "gone")]
    assert chain.without == inf
    assert "no node has taken the VIP" in list(as_text(chain))[-1]
    first, second = chains(corrected([*events, *taken(64)]))
    assert first.without == second.without == pytest.approx(43.5)
    assert [(it.kind, it.state) for it in second.events[:2]] == [("maintenance", "end"), ("vrrp", "BACKUP")]


def test_a_hand_over_that_fails_in_the_middle() -> None:
    """It is the cause; what fails at the peer stands where it happened."""
    events = [
        other(10, "handover", "begin"),
        vrrp(10.2, "MASTER", "FAULT"),
        vip(10.21, "gone"),
        check(10.4, "haproxy", "OK", "CRITICAL", "lb2"),
        vrrp(10.6, "BACKUP", "FAULT", node="lb2"),
        vrrp(15.2, "FAULT", "BACKUP"),
        *taken(19, "lb1"),
    ]
    (chain,) = chains(corrected(events))
    assert [it.kind for it in chain.events[:4]] == ["handover", "vrrp", "vip", "check"]
    assert chain.without == pytest.approx(8.8)


def test_where_the_record_does_not_show_who_held_the_vip_no_time_is_claimed() -> None:
    """A node that lost its power records nothing more; of one node alone the other's VIPs are not known."""
    power = [check(5, "haproxy", "", "OK"), *taken(13.2)]
    (chain,) = chains(corrected(power))
    assert chain.without is None
    alone = [vip(1, "held"), vrrp(10, "MASTER", "BACKUP"), vip(10.01, "gone"), *taken(12, "lb1")]
    (chain,) = chains(corrected(alone))
    assert chain.without is None


def test_a_vip_that_goes_to_and_fro_is_without_a_node_only_between() -> None:
    """A restart of keepalived: the peer has it for a while, and nobody waits for its return."""
    events = [
        vip(10, "gone"),
        vrrp(10.01, "MASTER", "STOP"),
        other(10.5, "process", "ended", name="keepalived"),
        *taken(10.6),
        vrrp(12.1, "", "BACKUP"),
        *taken(15.5, "lb1"),
        vrrp(15.515, "MASTER", "BACKUP", node="lb2"),
        vip(15.52, "gone", "lb2"),
    ]
    (chain,) = chains(corrected(events))
    assert chain.without == pytest.approx(0.61)


def test_only_who_was_master_gives_it_away_by_its_trouble() -> None:
    """Not another BACKUP, nor a node of another cluster in the same record."""
    events = [
        vrrp(1, "", "BACKUP", node="lb3"),
        check(10, "haproxy", "OK", "CRITICAL", "web1"),
        check(10.5, "haproxy", "OK", "CRITICAL", "lb3"),
        vrrp(10.9, "BACKUP", "FAULT", node="lb3"),
        *taken(12),
    ]
    (chain,) = chains(corrected(list(events)))
    assert {it.node for it in chain.events} == {"lb2"}
    (chain,) = chains(corrected([vrrp(0.5, "BACKUP", "MASTER"), check(10, "haproxy", "OK", "CRITICAL"), *events])[2:])
    assert {it.node for it in chain.events} == {"lb2"}
