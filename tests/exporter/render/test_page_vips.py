"""What does the page say of VIPs, VRRP and virtual services?"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from exporter.source import Outcome
from exporter.sources.vip.source import Vips, read
from tests.exporter import sample
from tests.exporter.render.reading import VIP, outcomes, vrrp
from tests.exporter.running import nowhere
from vipwarden.node.ipvs.read import Table, Totals
from vipwarden.node.keepalived.conf import parse
from vipwarden.node.keepalived.dump import Instance
from vipwarden.node.keepalived.vips import Vip, tracked

if TYPE_CHECKING:
    from pathlib import Path

    from tests.exporter.render.reading import Shown


@pytest.mark.parametrize(
    ("state", "held", "what"),
    [(2, False, "MASTER without VIP"), (1, True, "VIP without MASTER"), (3, True, "VIP without MASTER")],
)
def test_state_and_address_that_contradict_each_other_are_named(show: Shown, state: int, held: bool, what: str) -> None:
    """At first as what may be a move under way, and as a problem when it lasts."""
    facts = {"vip": Vips([(VIP, held)], []), "vrrp": vrrp(state)}
    first, later = show(outcomes(100, **facts)), show(outcomes(107, **facts))
    assert f"! {what} VIP 192.0.2.9" in first.text
    assert "may be moving just now" in first.text
    assert f"✕ {what} VIP 192.0.2.9" in later.text
    assert "moving" not in later.text
    assert f"VIPs held {int(held)} of 1" in later.text


@pytest.mark.parametrize(("state", "held"), [(2, True), (1, False), (0, False), (None, True), (None, False)])
def test_state_and_address_that_agree_are_no_problem(show: Shown, state: int | None, held: bool) -> None:
    """Nor is a state that is not known."""
    text = show(outcomes(vip=Vips([(VIP, held)], []), vrrp=vrrp(state))).text
    assert "Nothing is wrong on this node" in text


def test_a_vip_of_two_instances_belongs_to_the_one_that_is_master(show: Shown) -> None:
    """The other one is no VIP without MASTER."""
    other = Instance("VI_2")
    other.state = 1
    known = vrrp(2)
    known.instances.append(other)
    facts = Vips([(VIP, True), (Vip("VI_2", "52", "eth0", VIP.address), True)], [])
    assert "Nothing is wrong on this node" in show(outcomes(vip=facts, vrrp=known)).text


def test_a_vip_that_a_dead_keepalived_left_behind_is_named(show: Shown) -> None:
    """At once, and as what follows of one cause."""
    told = [
        Outcome(one.source, 0.001, one.facts, failure="no keepalived runs" if one.source.name == "vrrp" else "")
        for one in outcomes(vip=Vips([(VIP, True)], []), vrrp=vrrp(None, up=False))
    ]
    text = show(told).text
    assert "1 thing is wrong ✕ down keepalived 1 VIP is held without it: 192.0.2.9 · no keepalived runs" in text
    assert "192.0.2.9 ✕ VIP without keepalived VI_1: keepalived does not run" in text
    assert "VRRP ✕ down no keepalived runs" in text.replace("vrrp", "VRRP")


def test_the_vips_are_shown_with_their_reason(show: Shown) -> None:
    """State, priority and scripts of the instance that has them."""
    vips, known = sample.keepalived()
    text = show(outcomes(vip=vips, vrrp=known)).text
    assert "192.0.2.10 ✓ held here VI_WEB is MASTER for 1 d priority 150 of 150 · chk_haproxy GOOD eth0 51" in text
    assert "198.51.100.1 ○ not here VI_DB is BACKUP for 1 d priority 100 of 100 eth1 52" in text
    assert "✕ BAD script chk_mail VI_MAIL has priority 90 of 150 · its last run failed" in text
    assert "lower priority" not in text
    assert "group VG_1" in text


def test_a_master_that_is_configured_backup_is_marked_and_no_problem(show: Shown, tmp_path: Path) -> None:
    """With nopreempt every node is configured so."""
    known = vrrp(2)
    known.instances[0].changed = None
    for extra, is_marked in (("", True), ("nopreempt\n", False), ("state MASTER\n", False)):
        conf = tmp_path / "keepalived.conf"
        instance = f"interface lo\nvirtual_router_id 51\nstate BACKUP\n{extra}virtual_ipaddress {{\n127.0.0.1/8\n}}\n"
        conf.write_text(f"vrrp_instance VI_1 {{\n{instance}}}\n")
        page = show(outcomes(vip=read(nowhere(tmp_path)), vrrp=known))
        assert ("VI_1 is MASTER priority 150 of 150 · configured BACKUP, is MASTER" in page.text) == is_marked
        assert ("VI_1 eth0 · VRID 51 ✓ MASTER configured BACKUP, is MASTER 150" in page.text) == is_marked
        assert "Nothing is wrong on this node" in page.text
        assert "Only peers or Prometheus see split brain (alert VipSplitBrain)" in page.text


def test_scripts_belong_to_the_instances_that_track_them_or_whose_group_does(tmp_path: Path) -> None:
    """Each once."""
    conf = tmp_path / "keepalived.conf"
    conf.write_text(
        "vrrp_sync_group G {\n group {\n A\n B\n }\n track_script {\n both\n }\n}\n"
        "vrrp_instance A {\n track_script {\n own weight -20\n both\n }\n}\n"
        "vrrp_instance B {\n}\nvrrp_instance C {\n}\n",
        encoding="utf-8",
    )
    assert tracked(parse(str(conf))) == [("A", "own"), ("A", "both"), ("B", "both")]


def test_a_fault_is_a_problem_and_says_which_script_it_is_of(show: Shown) -> None:
    """As far as keepalived tells."""
    vips, known = sample.keepalived()
    known.instances[1].state = 3
    facts: dict[str, Any] = {"vip": vips, "vrrp": known}
    assert "1 thing is wrong" in show(outcomes(**facts)).text
    assert "✕ BAD script chk_mail VI_MAIL is in FAULT" in show(outcomes(**facts)).text
    known.scripts[1].status = 1
    assert "✕ FAULT VRRP VI_MAIL priority 90 of 150" in show(outcomes(**facts)).text


def test_where_the_addresses_cannot_be_seen_keepalived_tells_its_vips(show: Shown) -> None:
    """And the page that it did not see them."""
    known = vrrp(2)
    known.instances[0].vips = [("192.0.2.9", "eth0")]
    told = [
        Outcome(one.source, 0.001, one.facts, failure="elsewhere" if one.source.name == "vip" else "")
        for one in outcomes(vrrp=known)
    ]
    text = show(told).text
    assert "192.0.2.9 ? not seen VI_1 is MASTER eth0" in text
    assert text.count("elsewhere") == 2


def test_rates_of_ipvs_come_with_the_second_look(show: Shown) -> None:
    """As ipvsadm -Ln --rate has them; the first look shows what the counters stand at, and says so."""
    web = [("198.51.100.22", 30, 4), ("198.51.100.21", 10, 1)]
    first, second = (
        show(outcomes(when, ipvs=sample.ipvs(0, [sample.service("192.0.2.10", 80, web, step)])))
        for when, step in ((100, 0), (105, 10))
    )
    assert "This first page shows totals; the next has rates." in first.text
    assert "198.51.100.22:80 Route ✓ live 30 4 1 481 000 9 120 000 0 1.2 GB 0 B" in first.text
    assert "Rates are over the last 5 s" in second.text
    row = "198.51.100.21:80 Route ✓ live 10 1 0 124/s Σ 481 621 1 600/s Σ 9 128 001"
    assert row in second.text
    assert "Connections 186/s Σ 962 931" in second.text


def test_without_the_right_to_ask_by_netlink_the_page_says_what_is_missing(show: Shown) -> None:
    """The totals have rates nevertheless."""
    tables = [Table([], Totals([10 * step] * 5), "proc", "CAP_NET_ADMIN is missing") for step in (1, 11)]
    show(outcomes(100, ipvs=tables[0]))
    text = show(outcomes(110, ipvs=tables[1])).text
    assert "Read from /proc, which has no counters of single services: CAP_NET_ADMIN is missing." in text
    assert "Connections 10/s Σ 110" in text
