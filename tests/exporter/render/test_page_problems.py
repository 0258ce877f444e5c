"""What is wrong first, and what is one cause?"""

from __future__ import annotations

import re
from dataclasses import replace
from typing import TYPE_CHECKING

import pytest

from exporter.choice import Choice, Pattern
from exporter.sources.haproxy.source import Haproxies
from exporter.sources.vip.source import Vips, read
from tests.exporter import sample
from tests.exporter.render.reading import VIP, outcomes, vrrp
from tests.exporter.running import nowhere
from vipwarden.node.keepalived.dump import Script
from vipwarden.node.keepalived.vips import Vip

if TYPE_CHECKING:
    from pathlib import Path

    from tests.exporter.render.reading import Shown


def test_servers_that_are_down_by_design_are_no_problem(show: Shown) -> None:
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


def test_the_most_urgent_is_first_and_one_cause_is_one_line(show: Shown) -> None:
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


def test_a_host_of_which_some_servers_are_up_is_no_cause(show: Shown) -> None:
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


@pytest.mark.parametrize(("others", "tone"), [(["UP", "DRAIN"], "warn"), (["UP", "UP"], "good"), (["MAINT"], "bad")])
def test_a_backend_is_half_up_by_the_servers_that_take_something_new(show: Shown, others: list[str], tone: str) -> None:
    """One that drains takes nothing new, and one in maintenance is not missed."""
    states = ["DOWN", *others]
    lines = [sample.server("web", number, state) for number, state in enumerate(states)]
    lines.append(sample.row("web", "BACKEND", 1, "UP" if "UP" in states else "DOWN"))
    found = show(outcomes(haproxy=sample.haproxy(lines)))
    groups = [attributes["class"] for tag, attributes in found.tags if tag == "details" and "class" in attributes]
    assert f"group {tone}" in groups


def test_a_script_and_the_verdict_of_its_check_are_one_cause(show: Shown, tmp_path: Path) -> None:
    """Which chk_ command writes it, or chk_verdict asks for it; with the words of the check."""
    conf = tmp_path / "keepalived.conf"
    for script in (
        "chk_mysql_ping -H 198.51.100.50 --name orders_db",
        "chk_verdict orders_db",
        "chk_verdict -n orders_db",
    ):
        conf.write_text(
            f'vrrp_script db {{\n script "/usr/libexec/keepalived/{script} -t 4"\n}}\n'
            'vrrp_script other {\n script "/usr/libexec/keepalived/chk_verdict --max-age 3"\n}\n'
            "vrrp_instance VI_1 {\n interface lo\n virtual_router_id 51\n track_script {\n db weight -20\n }\n}\n",
            encoding="utf-8",
        )
        vips = read(nowhere(tmp_path))
        assert vips.verdicts == {"db": "orders_db"}
        known = vrrp(2, effective=130)
        known.scripts = [Script("db")]
        known.scripts[0].status = 0
        text = show(outcomes(vip=vips, vrrp=known, checks=sample.checks())).text
        assert "✕ BAD script db VI_1 has priority 130 of 150 · 198.51.100.50:3306 is closed (Conn" in text
        assert "✕ CRITICAL orders_db" not in text
        known.scripts[0].status = 1
        text = show(outcomes(vip=vips, vrrp=known, checks=sample.checks())).text
        assert "✕ CRITICAL orders_db 198.51.100.50:3306 is closed" in text


def test_instances_in_fault_on_one_interface_are_one_cause(show: Shown) -> None:
    """A link that is down, such as; one alone is named."""
    known = vrrp(3)
    for number in range(2, 7):
        known.instances.append(replace(known.instances[0], name=f"VI_{number}", vrid=str(50 + number)))
    text = show(outcomes(vip=Vips([], []), vrrp=known)).text
    assert "1 thing is wrong ✕ FAULT 6 instances on eth0 VI_1, VI_2, VI_3 and 3 more · see keepalived's log" in text
    known.instances[5].interface = "eth1"
    text = show(outcomes(vip=Vips([], []), vrrp=known)).text
    assert "2 things are wrong ✕ FAULT 5 instances on eth0" in text
    assert "✕ FAULT VRRP VI_6 see keepalived's log" in text


def test_vips_of_many_instances_that_nobody_holds_are_one_problem(show: Shown) -> None:
    """Those of a few instances are one each."""
    known = vrrp(2)
    known.instances = [replace(known.instances[0], name=f"VI_{number}") for number in range(6)]
    vips = [(Vip(f"VI_{number}", "51", "eth0", f"192.0.2.{number}"), number > 5) for number in range(6)]
    for when in (100, 120):
        text = show(outcomes(when, vip=Vips(vips, []), vrrp=known)).text
    assert "1 thing is wrong ✕ MASTER without VIP 6 VIPs 192.0.2.0, 192.0.2.1, 192.0.2.2 and 3 more" in text
    for when in (140, 160):
        text = show(outcomes(when, vip=Vips(vips[:3], []), vrrp=known)).text
    assert "3 things are wrong ✕ MASTER without VIP VIP 192.0.2.0 VI_0 is MASTER" in text


def test_many_stale_verdicts_are_one_problem(show: Shown) -> None:
    """Their agent is the cause."""
    known = sample.checks()
    for verdict in known.verdicts:
        verdict.ttl, verdict.stamp = 2.0, verdict.stamp - 60
    text = show(outcomes(checks=known)).text
    assert "1 thing is wrong ? stale 6 checks orders_db, replica_db, haproxy_alive and 3 more: no verdict in" in text
