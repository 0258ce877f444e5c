"""Why did a VIP move?"""

from __future__ import annotations

from typing import TYPE_CHECKING

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
