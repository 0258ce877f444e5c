"""What does the page make of what the collectors tell? What is wrong, by its name, and how fast things go."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

import pytest

from exporter.choice import Choice, Pattern
from exporter.page import Page
from exporter.render.choices import Choices
from exporter.render.model import FEW, MOST_ROWS
from exporter.source import Outcome, Source
from exporter.sources.haproxy.lines import server_mark
from exporter.sources.haproxy.source import Haproxies
from exporter.sources.vip.source import Vips, read
from exporter.sources.vrrp.series import Vrrp
from tests.exporter import sample
from tests.exporter.render.test_page import Page as Read
from tests.exporter.running import nowhere
from vipwarden.node.ipvs.read import Table, Totals
from vipwarden.node.keepalived.conf import parse
from vipwarden.node.keepalived.dump import Instance
from vipwarden.node.keepalived.vips import Vip, tracked

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

VIP = Vip("VI_1", "51", "eth0", "192.0.2.9")


def outcomes(when: float = 100.0, **facts: Any) -> list[Outcome]:
    """Return what the collectors told; those that are not named found nothing."""
    return [
        Outcome(one, 0.001, facts.get(one.name), absence="" if one.name in facts else f"no {one.name}", when=when)
        for one in sample.node()
    ]


def vrrp(state: int | None, *, up: bool = True, base: int = 150, effective: int = 150) -> Vrrp:
    """Return a keepalived with one instance."""
    one = Instance("VI_1")
    one.state, one.base_priority, one.effective_priority, one.changed = state, base, effective, 1000.0
    one.interface, one.vrid = "eth0", "51"
    return Vrrp(up, [one] if up else [], source="json", failure="" if up else "no keepalived runs")


@pytest.fixture(name="show")
def _show(tmp_path: Path) -> Any:
    view = Page()

    def show(told: Sequence[Outcome], find: str = "", **choices: str) -> Read:
        return Read(view.write(told, nowhere(tmp_path), Choices(find, **choices)).decode())

    return show


@pytest.mark.parametrize(
    ("state", "held", "what"),
    [(2, False, "MASTER without VIP"), (1, True, "VIP without MASTER"), (3, True, "VIP without MASTER")],
)
def test_state_and_address_that_contradict_each_other_are_named(show: Any, state: int, held: bool, what: str) -> None:
    """At first as what may be a move under way, and as a problem when it lasts."""
    facts = {"vip": Vips([(VIP, held)], []), "vrrp": vrrp(state)}
    first, later = show(outcomes(100, **facts)), show(outcomes(107, **facts))
    assert f"! {what} VIP 192.0.2.9" in first.text
    assert "may be moving just now" in first.text
    assert f"✕ {what} VIP 192.0.2.9" in later.text
    assert "moving" not in later.text
    assert f"VIPs held {int(held)} of 1" in later.text


@pytest.mark.parametrize(("state", "held"), [(2, True), (1, False), (0, False), (None, True), (None, False)])
def test_state_and_address_that_agree_are_no_problem(show: Any, state: int | None, held: bool) -> None:
    """Nor is a state that is not known."""
    text = show(outcomes(vip=Vips([(VIP, held)], []), vrrp=vrrp(state))).text
    assert "Nothing is wrong on this node" in text


def test_a_vip_of_two_instances_belongs_to_the_one_that_is_master(show: Any) -> None:
    """The other one is no VIP without MASTER."""
    other = Instance("VI_2")
    other.state = 1
    known = vrrp(2)
    known.instances.append(other)
    facts = Vips([(VIP, True), (Vip("VI_2", "52", "eth0", VIP.address), True)], [])
    assert "Nothing is wrong on this node" in show(outcomes(vip=facts, vrrp=known)).text


def test_a_vip_that_a_dead_keepalived_left_behind_is_named(show: Any) -> None:
    """At once, and as what follows of one cause."""
    told = [
        Outcome(one.source, 0.001, one.facts, failure="no keepalived runs" if one.source.name == "vrrp" else "")
        for one in outcomes(vip=Vips([(VIP, True)], []), vrrp=vrrp(None, up=False))
    ]
    text = show(told).text
    assert "1 thing is wrong ✕ down keepalived 1 VIP is held without it: 192.0.2.9 · no keepalived runs" in text
    assert "192.0.2.9 ✕ VIP without keepalived VI_1: keepalived does not run" in text


def test_the_vips_are_shown_with_their_reason(show: Any) -> None:
    """State, priority and scripts of the instance that has them."""
    vips, known = sample.keepalived()
    text = show(outcomes(vip=vips, vrrp=known)).text
    assert "192.0.2.10 ✓ held here VI_WEB is MASTER for 1 d priority 150 of 150 · chk_haproxy GOOD eth0 51" in text
    assert "198.51.100.1 ○ not here VI_DB is BACKUP for 1 d priority 100 of 100 eth1 52" in text
    assert "✕ BAD script chk_mail VI_MAIL has priority 90 of 150 · its last run failed" in text
    assert "lower priority" not in text
    assert "group VG_1" in text


def test_a_master_that_is_configured_backup_is_marked_and_no_problem(show: Any, tmp_path: Path) -> None:
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


def test_a_fault_is_a_problem_and_says_which_script_it_is_of(show: Any) -> None:
    """As far as keepalived tells."""
    vips, known = sample.keepalived()
    known.instances[1].state = 3
    facts: dict[str, Any] = {"vip": vips, "vrrp": known}
    assert "1 thing is wrong" in show(outcomes(**facts)).text
    assert "✕ BAD script chk_mail VI_MAIL is in FAULT" in show(outcomes(**facts)).text
    known.scripts[1].status = 1
    assert "✕ FAULT VRRP VI_MAIL priority 90 of 150" in show(outcomes(**facts)).text


def test_where_the_addresses_cannot_be_seen_keepalived_tells_its_vips(show: Any) -> None:
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


def test_rates_of_ipvs_come_with_the_second_look(show: Any) -> None:
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


def test_without_the_right_to_ask_by_netlink_the_page_says_what_is_missing(show: Any) -> None:
    """The totals have rates nevertheless."""
    tables = [Table([], Totals([10 * step] * 5), "proc", "CAP_NET_ADMIN is missing") for step in (1, 11)]
    show(outcomes(100, ipvs=tables[0]))
    text = show(outcomes(110, ipvs=tables[1])).text
    assert "Read from /proc, which has no counters of single services: CAP_NET_ADMIN is missing." in text
    assert "Connections 10/s Σ 110" in text


@pytest.mark.parametrize(
    ("status", "backup", "tone"),
    [
        ("UP", "0", "good"),
        ("UP", "1", "backup"),
        ("UP 2/3", "0", "warn"),
        ("DOWN 1/2", "0", "rising"),
        ("DOWN", "1", "bad"),
        ("DOWN (agent)", "0", "bad"),
        ("DRAIN", "0", "drain"),
        ("DRAIN (agent)", "0", "drain"),
        ("NOLB 1/3", "0", "drain"),
        ("MAINT", "0", "maint"),
        ("MAINT (via other/one)", "0", "maint"),
        ("MAINT (resolution)", "0", "warn"),
        ("no check", "0", "idle"),
        ("whatever", "0", "unknown"),
    ],
)
def test_every_state_of_a_server_has_its_colour(status: str, backup: str, tone: str) -> None:
    """And is told by its word as well."""
    mark = server_mark({"status": status, "bck": backup})
    assert (mark.tone, mark.word) == (tone, status)


def test_two_instances_are_told_apart_and_the_silent_one_is_a_problem(show: Any) -> None:
    """The other is shown in full."""
    text = show(outcomes(haproxy=sample.haproxy())).text
    assert "✕ no answer HAProxy mail cannot connect to /run/haproxy-mail/admin.sock" in text
    assert "✕ DOWN backend legacy of edge none of 2 servers is up" in text
    assert "! near limit frontend mail of edge 1 811 of 2 000 sessions" in text
    assert "✕ 4 of 7 up backend shop of edge without shop-3, shop-6, shop-2 · L4CON" in text
    assert "Connection refused · 4 requests wait for a server" in text
    assert "server legacy/legacy-1" not in text  # the backend says it
    assert "shop-5 198.51.100.15:8080 ↓ DRAIN 5 d 20" in text


def test_a_stale_verdict_and_one_from_the_future_no_longer_count(show: Any) -> None:
    """Whatever they said."""
    known = sample.checks()
    known.verdicts[2].stamp += 1000
    text = show(outcomes(checks=known)).text
    assert "? stale ldap no verdict for 2 s; it was OK" in text
    assert "? not credible haproxy_alive it is dated in the future; it said OK" in text


def test_a_large_haproxy_has_a_page_of_bounded_size(show: Any) -> None:
    """200 backends of 20 servers: what is wrong stands open, the rest is folded or found by its name."""
    lines = [
        sample.server(f"be-{backend}", number, "DOWN" if backend == 177 and number < 9 else "UP")
        for backend in range(200)
        for number in range(20)
    ] + [sample.row(f"be-{backend}", "BACKEND", 1, "UP", scur=3, bin=1, bout=1) for backend in range(200)]
    found = show(outcomes(haproxy=sample.haproxy(lines)))
    rows = [tag for tag, attributes in found.tags if tag == "tr" and "id" in attributes]
    assert len(rows) == MOST_ROWS
    assert len(found.html) < 1_500_000
    assert "1 thing is wrong ✕ 11 of 20 up backend be-177 without be-177-0, be-177-1, be-177-2 and 6 more" in found.text
    groups = re.findall(r'<details id="\w+" class="group \w+"( open)?>\s*<summary><h4>(.*?)</h4>', found.html)
    assert len(groups) == 200
    assert groups[0] == (" open", "be-177")
    assert not any(is_open for is_open, _ in groups[1:])
    assert "3 000 further rows are left out" in found.text
    alone = show(outcomes(haproxy=sample.haproxy(lines)), "be-199")
    assert len([tag for tag, attributes in alone.tags if tag == "tr" and "id" in attributes]) == 20
    assert "left out" not in alone.text


def test_a_thousand_real_servers_are_folded_but_for_those_that_are_wrong(show: Any) -> None:
    """All of them are on the page."""
    servers = [(f"198.18.{number // 250}.{number % 250}", 0 if number == 700 else 10, 3) for number in range(1000)]
    table = sample.ipvs(0, [sample.service("192.0.2.10", 80, servers, 0)])
    found = show(outcomes(ipvs=table))
    assert "wrr, 999 of 1000 live" in found.text
    assert "999 more, none of them wrong" in found.text
    assert re.search(r"<tbody>\s*<tr[^>]*><th[^>]*>198\.18\.2\.200:80", found.html)
    assert len(found.html) < 1_000_000
    few = sample.ipvs(0, [sample.service("192.0.2.10", 80, servers[:FEW], 0)])
    assert "more, none of them wrong" not in show(outcomes(ipvs=few)).text


def test_what_haproxy_is_named_cannot_become_markup(show: Any) -> None:
    """Nor what its checks and its process say."""
    evil = "<script>alert(1)</script>"
    lines = [
        sample.server(evil, 1, f"DOWN {evil}", svname=evil, last_chk=evil, addr=evil, check_status=evil),
        sample.row(evil, "BACKEND", 1, evil, mode=evil, algo=evil),
        sample.row(evil, "FRONTEND", 0, evil),
    ]
    known = sample.haproxy(lines)
    assert known.instances[0].report
    known.instances[0].report.info.update({"Version": evil, "node": evil, "description": evil})
    found = show(outcomes(haproxy=known), evil)
    assert len([tag for tag, _ in found.tags if tag == "script"]) == 1
    assert found.text.count(evil) > 8


def test_a_collector_that_the_page_has_no_title_for_is_told_by_its_name(show: Any) -> None:
    """Its failure is a problem like any other."""
    known = outcomes()
    known.append(Outcome(Source("novel", lambda _: None, lambda _: []), 0.1, failure="the disk is gone"))
    assert "? not read novel the disk is gone" in show(known).text


def test_servers_that_are_down_by_design_are_no_problem(show: Any) -> None:
    """They stand in the table as they are; a backend that is DOWN as a whole is one."""
    lines = [
        sample.server("leader", 1, "UP"),
        sample.server("leader", 2, "DOWN"),
        sample.row("leader", "BACKEND", 1, "UP", scur=3, bin=1, bout=1),
        sample.server("lost", 1, "DOWN"),
        sample.row("lost", "BACKEND", 1, "DOWN", scur=3, bin=1, bout=1),
    ]
    found = sample.haproxy(lines)
    chosen = Haproxies(found.instances, Choice(down_by_design=Pattern("lead.*|lost")))
    assert "server leader/leader-2" in show(outcomes(haproxy=found)).text
    text = show(outcomes(haproxy=chosen)).text
    assert "server leader/leader-2" not in text
    assert "DOWN backend lost" in text


def test_the_most_urgent_is_first_and_one_cause_is_one_line(show: Any) -> None:
    """HAProxy gone, a VIP of nobody, a backend without server, a critical check, half a backend, servers, warnings."""
    down = {"addr": "198.51.100.9:80", "check_status": "L4TOUT", "last_chk": ""}
    lines = [
        *(sample.server(f"be-{one}", 1, "DOWN", **down) for one in range(4)),
        *(sample.server(f"be-{one}", 2, "UP") for one in range(4)),
        *(sample.row(f"be-{one}", "BACKEND", 1, "UP") for one in range(4)),
        sample.server("one", 1, "DOWN", addr="", last_chk="a"),
        *(sample.server("one", number, "UP") for number in range(2, 6)),
        sample.row("one", "BACKEND", 1, "UP", qcur=2),
        sample.server("spare", 1, "UP"),
        sample.server("spare", 2, "DOWN", bck=1, addr=""),
        sample.row("spare", "BACKEND", 1, "UP"),
        sample.server("half", 1, "DOWN", addr=""),
        sample.server("half", 2, "UP"),
        sample.row("half", "BACKEND", 1, "UP"),
        sample.server("none", 1, "DOWN", addr=""),
        sample.row("none", "BACKEND", 1, "DOWN"),
    ]
    found = sample.haproxy(lines)
    silent = sample.haproxy().instances[1]
    facts = {
        "haproxy": Haproxies([*found.instances, silent], Choice()),
        "checks": sample.checks(),
        "vip": Vips([(VIP, False), (Vip("VI_1", "51", "eth0", "192.0.2.10"), False)], []),
        "vrrp": vrrp(2),
    }
    show(outcomes(100, **facts))
    html = show(outcomes(120, **facts)).html
    shown, _, folded = html[html.index('class="problems"') : html.index("</section>")].partition("<details")
    first, rest = (re.findall(r"<a [^>]*>(.*?)</a>", part) for part in (shown, folded))
    assert first == [
        "HAProxy mail",
        "2 VIPs of VI_1",
        "backend none",
        "orders_db",
        "host 198.51.100.9",
        "server half/half-1",
        "server one/one-1",
        "server spare/spare-2",
    ]
    assert rest == ["ldap", "replica_db"]
    assert "all its servers in 4 backends are DOWN" in shown
    assert "2 requests wait for a server" in shown
    assert "<summary>2 more</summary>" in folded
    assert "<title>✕ HAProxy mail no answer +9 " in html


def test_a_host_of_which_some_servers_are_up_is_no_cause(show: Any) -> None:
    """Each server is told then."""
    lines = [
        line
        for one in range(3)
        for line in (
            sample.server(f"be-{one}", 1, "DOWN" if one else "UP", addr=f"198.51.100.9:{one}"),
            *(sample.server(f"be-{one}", number, "UP") for number in (2, 3)),
            sample.row(f"be-{one}", "BACKEND", 1, "UP"),
        )
    ]
    text = show(outcomes(haproxy=sample.haproxy(lines))).text
    assert "2 things are wrong ✕ DOWN server be-1/be-1-1" in text
    assert "host 198.51.100.9" not in text


def test_many_stale_verdicts_are_one_problem(show: Any) -> None:
    """Their agent is the cause."""
    known = sample.checks()
    for verdict in known.verdicts:
        verdict.ttl, verdict.stamp = 2.0, verdict.stamp - 60
    text = show(outcomes(checks=known)).text
    assert "1 thing is wrong ? stale 6 checks orders_db, replica_db, haproxy_alive and 3 more: no verdict in" in text


def _rows(page: Read) -> list[str]:
    return re.findall(r'<th scope="row">([^ <]+)', page.html)


def test_states_are_counted_and_choose_the_rows(show: Any) -> None:
    """Each state with the number of its rows, the worst first; nothing else is left on the page."""
    told = outcomes(haproxy=sample.haproxy(), checks=sample.checks())
    chips = show(told).text
    assert "HAProxy ✕ DOWN 4 ↓ DRAIN 1 ‖ MAINT 1 ○ no check 1 ✓ UP 5 ✓ OPEN 2" in chips.replace("haproxy", "HAProxy")
    found = show(told, state="down")
    assert _rows(found) == ["legacy-1", "legacy-2", "shop-3", "shop-6"]
    assert "4 rows in state down . Show all" in found.text
    assert "checks" not in re.findall(r'<section id="(\w+)"', found.html)
    assert ("a", {"class": "chip bad", "href": "./", "aria-current": "true"}) in found.tags
    assert _rows(show(told, "shop", state="UP")) == ["shop-1", "shop-2", "shop-7"]


def test_a_search_finds_states_and_results_of_checks(show: Any) -> None:
    """Of a server, and of a check."""
    told = outcomes(haproxy=sample.haproxy(), checks=sample.checks())
    assert _rows(show(told, "l7sts")) == ["shop-2"]
    assert _rows(show(told, "drain")) == ["shop-5"]
    assert _rows(show(told, "replica lag")) == ["replica_db"]


@pytest.mark.parametrize(
    ("sort", "first"),
    [
        ("sessions", ["legacy-2", "legacy-1", "api-3"]),
        ("-sessions", ["shop-3"]),
        ("errors", ["shop-3"]),
        ("-server", ["shop-7", "shop-6"]),
        ("state", ["shop-3", "shop-6"]),
        ("nonsense", ["legacy-1"]),
    ],
)
def test_rows_are_in_the_order_of_a_column(show: Any, sort: str, first: list[str]) -> None:
    """And the backends in that of their first rows; the head says so, and turns the order."""
    lines = [
        line.replace("legacy-1,0,3,0", "legacy-1,0,3,900").replace("legacy-2,0,3,0", "legacy-2,0,3,901")
        for line in sample.proxies(0)
    ]
    found = show(outcomes(haproxy=sample.haproxy(lines)), sort=sort)
    servers = [row for row in _rows(found) if "-" in row]
    assert servers[: len(first)] == first
    heads = [attributes for tag, attributes in found.tags if tag == "th" and "aria-sort" in attributes]
    assert {head["aria-sort"] for head in heads} <= {
        "ascending" if sort.startswith("-s") and sort != "-server" else "descending"
    }
    assert bool(heads) == (sort != "nonsense")
    assert len(servers) == 12


def test_hostile_choices_stay_words(show: Any) -> None:
    """Of an address that somebody else wrote."""
    evil = '"><script>alert(1)</script>&'
    found = show(outcomes(haproxy=sample.haproxy()), evil, state=evil, sort=evil)
    assert len([tag for tag, _ in found.tags if tag == "script"]) == 1
    assert Choices.of({"find": "x" * 10_000, "sort": "\0\n"}) == ("x" * 97 + "...", "", "")
