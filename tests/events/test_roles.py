"""Which transitions do VIPs show, where nobody hands them over?"""

from __future__ import annotations

import pytest

from tests.events.make import event, vrrp
from vipwarden.events.event import Event
from vipwarden.events.roles import NOT_MASTER, Roles


def vip(at: float, state: str, name: str = "192.0.2.1", before: str = "") -> Event:
    """Return a VIP of VI_1 that comes or goes."""
    return event(at, "vip", name, of="VI_1", state=state, before=before)


@pytest.mark.parametrize(
    ("events", "told"),
    [
        ([vip(1, "held")], [("MASTER", "", 1)]),
        ([vip(1, "held"), vip(1.1, "held", "192.0.2.2")], [("MASTER", "", 1)]),
        ([vip(1, "held", before="held")], []),
        ([vip(1, "held", before="held"), vip(2, "gone")], [(NOT_MASTER, "MASTER", 2)]),
        ([vip(1, "held"), vrrp(1.2, "BACKUP", "MASTER")], []),
        ([vrrp(1, "BACKUP", "MASTER"), vip(1.2, "held")], []),
        ([vrrp(1, "BACKUP", "MASTER"), vip(1, "held"), vip(2, "gone")], [(NOT_MASTER, "MASTER", 2)]),
        ([vrrp(1, "BACKUP", "MASTER"), vip(1, "held"), vrrp(2, "MASTER", "FAULT"), vip(2, "gone")], []),
        # one of two, as by hand, and a VIP that was away for a moment
        ([vip(1, "held", before="held"), vip(1, "held", "192.0.2.2", "held"), vip(2, "gone")], []),
        ([vip(1, "held", before="held"), vip(2, "gone"), vip(2.1, "held")], []),
        ([event(1, "address", "192.0.2.9", state="held")], []),
    ],
)
def test_a_transition_that_nobody_hands_over(events: list[Event], told: list[tuple[str, str, float]]) -> None:
    """It is told after a while, with the time of the VIP."""
    roles = Roles()
    for it in events:
        roles.take(it)
        assert list(roles.ripe(it.boot + 1)) == []
    found = list(roles.ripe(roles.due() + 0.001)) if told else list(roles.ripe(100))
    assert [(it.state, it.before, it.boot) for it in found] == told
    assert list(roles.ripe(100)) == []


def test_vips_that_go_to_and_fro_are_that_many_transitions() -> None:
    """Nobody will tell of them; where notify does tell, it is waited for."""
    flapping = [vip(1, "held"), vip(1.7, "gone"), vip(2.5, "held")]
    roles = Roles()
    for it in flapping:
        roles.take(it)
    found = [it for now in (2.5, 5) for it in roles.ripe(now)]
    assert [(it.state, it.before, it.boot) for it in found] == [
        ("MASTER", "", 1),
        (NOT_MASTER, "MASTER", 1.7),
        ("MASTER", NOT_MASTER, 2.5),
    ]
    roles = Roles()
    told = vrrp(0.5, "", "BACKUP")
    told.by = "notify"
    for it in (told, *flapping[:2]):
        roles.take(it)
    assert list(roles.ripe(5)) == []


def test_names_that_somebody_makes_up_take_a_bounded_memory() -> None:
    """A script user may hand over any; the last are known."""
    roles = Roles()
    for number in range(10_000):
        roles.take(Event({**vrrp(number, "BACKUP", "MASTER", name=f"VI_{number}").as_dict(), "by": "notify"}))
    assert len(roles._states) == len(roles._notified) < 5000
    roles.take(event(10_000, "vip", "192.0.2.1", of="VI_9999", state="held"))
    assert not list(roles.ripe(10_010))
