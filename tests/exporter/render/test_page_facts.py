"""What does the page make of many servers, hostile names and every state?"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any
from unicodedata import category

import pytest

from exporter.render.model import FEW, MOST_ROWS
from exporter.source import Outcome, Source
from exporter.sources.checks.source import Checks
from exporter.sources.haproxy.lines import server_mark
from exporter.sources.vip.source import Vips
from exporter.sources.vrrp.series import Vrrp
from tests.exporter import sample
from tests.exporter.render.reading import outcomes
from vipwarden.core.result import Metric, Result, State
from vipwarden.node.keepalived.dump import Instance, Script
from vipwarden.node.keepalived.vips import Vip
from vipwarden.state.clock import boot
from vipwarden.state.verdict import Verdict

if TYPE_CHECKING:
    from tests.exporter.render.reading import Shown


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


def test_two_instances_are_told_apart_and_the_silent_one_is_a_problem(show: Shown) -> None:
    """The other is shown in full."""
    text = show(outcomes(haproxy=sample.haproxy())).text
    assert "✕ no answer HAProxy mail cannot connect to /run/haproxy-mail/admin.sock" in text
    assert "✕ DOWN backend legacy of edge none of 2 servers is up" in text
    assert "! near limit frontend mail of edge 1 811 of 2 000 sessions" in text
    assert "✕ 3 of 7 up backend shop of edge without shop-3, shop-6 · checks begin to fail of shop-2 · L4CON" in text
    assert "Connection refused · 4 requests wait for a server" in text
    assert "server legacy/legacy-1" not in text  # the backend says it
    assert "shop-5 198.51.100.15:8080 ↓ DRAIN 5 d 20" in text


def test_a_stale_verdict_and_one_from_the_future_no_longer_count(show: Shown) -> None:
    """Whatever they said."""
    known = sample.checks()
    known.verdicts[2].stamp += 1000
    text = show(outcomes(checks=known)).text
    assert "? stale ldap no verdict for 2 s; it was OK" in text
    assert "? not credible haproxy_alive it is dated in the future; it said OK" in text


def test_a_large_haproxy_has_a_page_of_bounded_size(show: Shown) -> None:
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


def test_thousands_of_backends_have_a_page_of_bounded_size(show: Shown) -> None:
    """The worst are on it; the others are counted, and found by their names."""
    names = [f"be-{number}" for number in range(5000)]
    lines = [sample.server(name, 1, "DOWN" if name == "be-4711" else "UP", addr="") for name in names]
    lines += [sample.row(name, "BACKEND", 1, "DOWN" if name == "be-4711" else "UP") for name in names]
    found = show(outcomes(haproxy=sample.haproxy(lines)))
    assert found.html.count('class="group') == 1000
    assert len(found.html) < 3_000_000
    assert "1 thing is wrong ✕ DOWN backend be-4711" in found.text
    assert found.html.index("<h4>be-4711</h4>") < found.html.index("<h4>be-0</h4>")
    assert "8 000 further rows are left out and found by name" in found.text  # backends and servers
    assert "be-4999-1" in show(outcomes(haproxy=sample.haproxy(lines)), "be-4999").text


def test_what_is_nothing_is_muted(show: Shown) -> None:
    """In a row, and in the summary of a backend."""
    lines = [sample.server("web", 1, "UP", scur=0), sample.row("web", "BACKEND", 1, "UP", scur=0, qcur=2, rate=0)]
    html = show(outcomes(haproxy=sample.haproxy(lines))).html
    assert 'sessions <b class="nil">0</b>' in html
    assert "queue <b>2</b>" in html
    assert 'rate <b class="nil">0/s</b>' in html
    assert '<td class="nil">0 <small>/ 88</small></td>' in html


def test_a_thousand_real_servers_are_folded_but_for_those_that_are_wrong(show: Shown) -> None:
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


def test_what_haproxy_is_named_cannot_become_markup(show: Shown) -> None:
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


def test_no_name_turns_what_is_beside_it(show: Shown) -> None:
    """Neither controls nor marks of direction are on the page, whoever has a name with them."""
    evil = "a\u202e\u2066b\u200f\x07\x1b[31m\x00\r\x85\ufeff<b>\udc80"
    instance, script = Instance(evil), Script(evil)
    instance.state, instance.interface, instance.group, script.status = 3, evil, evil, 0
    instance.base_priority, instance.effective_priority = 5, 3
    said = Result(State.CRITICAL, evil, [Metric(evil, 1.0, evil)])
    facts: dict[str, Any] = {
        "checks": Checks([Verdict(evil, evil, said, 0, boot(), 0.1)]),
        "vip": Vips([(Vip(evil, "51", evil, "192.0.2.1"), True)], [(evil, evil)], [(evil, evil)]),
        "vrrp": Vrrp(True, [instance], [script], "json", why=evil),
        "haproxy": sample.haproxy(
            [sample.row("web", "BACKEND", 1, "DOWN", algo=evil.encode("utf-8", "replace").decode())]
        ),
    }
    told = [*outcomes(**facts), Outcome(Source(evil, lambda _: None, lambda _: []), 0.1, failure=evil)]
    html = show(told, evil).html + show(told).html
    assert html.count("a b [31m &lt;b&gt;?") > 20
    assert {char for char in html if category(char) in ("Cc", "Cf", "Cs")} == {"\n"}


def test_a_collector_that_the_page_has_no_title_for_is_told_by_its_name(show: Shown) -> None:
    """Its failure is a problem like any other."""
    known = outcomes()
    known.append(Outcome(Source("novel", lambda _: None, lambda _: []), 0.1, failure="the disk is gone"))
    assert "? not read novel the disk is gone" in show(known).text
