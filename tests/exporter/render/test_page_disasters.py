"""What is first where several things break at once?"""

from __future__ import annotations

import re
from dataclasses import replace
from time import time
from typing import TYPE_CHECKING

from exporter.page import Page
from exporter.peers import Sight
from exporter.source import Outcome
from exporter.sources.checks.source import Checks
from exporter.sources.maintenance.source import SOURCE as MAINTENANCE
from exporter.sources.maintenance.source import Records
from exporter.sources.vip.source import Vips
from tests.exporter import sample
from tests.exporter.render.reading import VIP, outcomes, vrrp
from vipwarden.core.result import Result, State
from vipwarden.node.keepalived.dump import Script
from vipwarden.state.clock import boot
from vipwarden.state.handover import Handover
from vipwarden.state.verdict import Verdict

if TYPE_CHECKING:
    import pytest

    from tests.exporter.render.reading import Shown

HELD = Sight("lb2", {(VIP.address, VIP.vrid): True}, since=1.0)
SILENT = Sight("lb3", failure="no route to host", since=1.0)


def in_order(text: str, *parts: str) -> None:
    """Assert that a text has these parts in this order."""
    places = [text.index(part) for part in parts]
    assert places == sorted(places)


def test_a_peer_that_took_over_from_a_dead_keepalived_makes_it_a_split_brain(show: Shown) -> None:
    """Clients reach either node then. A peer that is not read comes before warnings: it may be dead."""
    facts = {"vip": Vips([(VIP, True)], []), "vrrp": vrrp(None, up=False), "checks": sample.checks()}
    for when in (100.0, 113.0):
        failures = {"vrrp": "no keepalived runs"}
        given = [replace(it, failure=failures.get(it.source.name, "")) for it in outcomes(when, **facts)]
        text = show(given, peers=[HELD, SILENT]).text
    in_order(
        text,
        "✕ down keepalived 1 VIP is held without it",
        "✕ split brain VIP 192.0.2.9 also held by lb2 · VI_1: keepalived does not run",
        "✕ CRITICAL orders_db",
        "? not read peer lb3 does not answer since",
        "! WARNING replica_db",
        "192.0.2.9 ✕ split brain",
    )


def lines(backends: int, *, up: int = 0, hosts: int = 1000) -> list[str]:
    """Return so many backends of two servers each, the first of them up."""
    found = []
    for one in range(backends):
        state = "UP" if one < up else "DOWN"
        for number in (1, 2):
            address = f"198.18.{(2 * one + number) % hosts}.1:80"
            found.append(sample.server(f"be-{one}", number, state, **{**sample.DOWN, "addr": address}))
        found.append(sample.row(f"be-{one}", "BACKEND", 1, state, qcur=1))
    return found


def test_many_backends_without_a_server_are_one_problem(show: Shown) -> None:
    """A link is the cause, not a hundred backends; the headline has room for what else is wrong."""
    empty = [sample.server("spare", 1, "MAINT"), sample.row("spare", "BACKEND", 1, "DOWN")]
    text = show(outcomes(haproxy=sample.haproxy(lines(99) + empty), checks=sample.checks())).text
    why = "no server is up in be-0, be-1, be-2 and 97 more · L4CON · Connection refused (198 times) · 99 requests wait"
    in_order(text, f"4 things are wrong ✕ DOWN all 100 backends {why}", "✕ CRITICAL orders_db")
    text = show(outcomes(haproxy=sample.haproxy(lines(100, up=2)))).text
    assert "3 things are wrong ✕ DOWN 98 of 100 backends no server is up in be-2, be-3, be-4 and 95 more" in text
    assert "! queue backend be-0 1 request waits for a server" in text
    text = show(outcomes(haproxy=sample.haproxy(lines(8)))).text
    assert "8 things are wrong ✕ DOWN backend be-0" in text


def test_all_backends_of_a_few_hosts_are_told_by_host(show: Shown) -> None:
    """Those are the cause; many hosts are not."""
    text = show(outcomes(haproxy=sample.haproxy(lines(20, hosts=2)))).text
    assert "2 things are wrong ✕ DOWN host 198.18.1.1 all its servers in 20 backends are DOWN" in text
    text = show(outcomes(haproxy=sample.haproxy(lines(20, hosts=8)))).text
    assert "1 thing is wrong ✕ DOWN all 20 backends" in text


def test_a_clock_that_was_set_back_makes_nothing_begin_just_now(show: Shown) -> None:
    """What began at a time to come has lasted nobody knows how long."""
    known = vrrp(2)
    known.instances[0].changed = time() + 3600
    verdict = Verdict("web", "port", Result(State.OK, "open"), time() + 3600, boot(), 0.1)
    text = show(outcomes(vip=Vips([(VIP, True)], []), vrrp=known, checks=Checks([verdict]))).text
    assert "VI_1 is MASTER priority" in text
    assert re.search(r"✓ MASTER 150 of 150 \? \d{4}-", text)
    assert re.search(r"web port ✓ OK open \? \d{4}-", text)


def test_a_bug_in_one_view_costs_its_own_section_alone(show: Shown, monkeypatch: pytest.MonkeyPatch) -> None:
    """The page says so, and the log of the exporter once."""

    def broken(*_: object) -> None:
        raise ZeroDivisionError("by nought")

    noted: list[tuple[str, ...]] = []
    monkeypatch.setattr(show, "_view", Page(lambda *it: noted.append(it)))
    monkeypatch.setattr("exporter.sources.checks.view.View.show", broken)
    text = show(outcomes(vip=Vips([(VIP, True)], []), vrrp=vrrp(2), checks=sample.checks())).text
    assert "1 thing is wrong ? not shown checks ZeroDivisionError: by nought" in text
    assert "192.0.2.9 ✓ held here" in text
    assert ("checks", "ZeroDivisionError: by nought", "page of ") in noted
    assert ("vip", "", "page of ") in noted


def test_what_is_meant_is_no_problem_until_it_is_forgotten(show: Shown) -> None:
    """The FAULT of an instance that is handed over, a script that a maintenance makes BAD; not what fails beside it."""
    known = vrrp(3)
    known.instances += [replace(known.instances[0], name=name) for name in ("VI_2", "VI_3")]
    known.scripts = [Script("web"), Script("disk")]
    known.scripts[0].status = known.scripts[1].status = 0
    verdict = Verdict("web", "port", Result(State.CRITICAL, "closed"), time(), boot(), 0.1)
    verdict.maintenance = "drain"
    groups = [("G", "VI_1"), ("G", "VI_2")]
    vips = Vips([], groups, [("VI_3", "web")], verdicts={"web": "web"})

    def page(hours: float) -> str:
        handed = Records([], [Handover("VI_1", time() - 3600 * hours)])
        given = outcomes(vip=vips, vrrp=known, checks=Checks([verdict]))
        given.append(Outcome(MAINTENANCE, 0.001, handed))
        return show(given).text

    text = page(0.5)
    assert "✕ FAULT VI_1, VI_2, VI_3 ‖ handed over VI_1 1 thing is wrong ✕ BAD script disk its last run failed" in text
    assert "VI_1 is handed over to a peer for 30 min; vipwarden handover VI_1 --back ends it" in text
    assert "! handed over VRRP VI_1 for 2 h: this node cannot take the VIPs if the peer fails" in page(2)
    verdict.maintenance = ""
    assert "✕ BAD script web VI_3 is in FAULT · closed" in page(0.5)


def test_a_real_server_without_weight_is_told_by_its_check(show: Shown) -> None:
    """Once: by the check that is not OK, or not at all in maintenance. What nobody explains is a warning."""
    servers = [("198.51.100.21", 0, 1), ("198.51.100.22", 0, 1), ("2001:db8::1", 0, 1), ("198.51.100.24", 5, 1)]
    table = sample.ipvs(0, [sample.service("192.0.2.10", 80, servers, 0)])
    bad = Result(State.CRITICAL, "closed")
    names = ("web@198.51.100.21:80", "web@[2001:db8::1]@192.0.2.10:80")
    verdicts = [Verdict(name, "port", bad, time(), boot(), 0.1) for name in names]
    verdicts[0].maintenance = "drain"
    text = show(outcomes(ipvs=table, checks=Checks(verdicts))).text
    assert "2 things are wrong" in text
    in_order(text, f"✕ CRITICAL {names[1]} closed", "! 1 of 4 at weight 0 IPVS TCP 192.0.2.10:80 198.51.100.22:80")
    assert "198.51.100.21:80 Route ‖ weight 0" in text
    assert "198.51.100.22:80 Route ! weight 0" in text
