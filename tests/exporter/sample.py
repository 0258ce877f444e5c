"""A node of which everything is known, for those who look at the page alone: how it looks, how it reads, how large."""

from __future__ import annotations

from contextlib import asynccontextmanager
from dataclasses import replace
from itertools import count
from time import time
from typing import TYPE_CHECKING, Any

from exporter.choice import Choice
from exporter.http.server import start
from exporter.source import Source
from exporter.sources.checks.source import Checks
from exporter.sources.haproxy.processes import Process
from exporter.sources.haproxy.source import Haproxies
from exporter.sources.haproxy.source import Instance as OneHaproxy
from exporter.sources.vip.source import Vips
from exporter.sources.vrrp.series import Vrrp
from tests.exporter.running import nowhere, port_of
from vipwarden.core.result import Metric, Result, State
from vipwarden.node.haproxy.socket import Report, parse_stat
from vipwarden.node.ipvs.read import Service, Table, Totals
from vipwarden.node.ipvs.table import Columns
from vipwarden.node.keepalived.dump import Instance, Script
from vipwarden.node.keepalived.vips import Vip
from vipwarden.state.clock import boot
from vipwarden.state.verdict import Verdict

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable
    from pathlib import Path

    from exporter.http.server import Server

HEADER = (
    "pxname,svname,qcur,qmax,scur,smax,slim,stot,bin,bout,dreq,ereq,econ,eresp,wretr,wredis,status,weight,bck,chkdown,"
    "lastchg,downtime,type,rate,rate_max,check_status,check_code,check_duration,hrsp_5xx,req_rate,last_chk,"
    "agent_status,addr,mode,algo"
)
_NAMES = tuple(HEADER.split(","))


def row(proxy: str, server: str, kind: int, status: str, **others: object) -> str:
    """Return a line of HAProxy's table."""
    given = {"pxname": proxy, "svname": server, "type": kind, "status": status, "mode": "http", **others}
    return ",".join(str(given.get(name, "")) for name in _NAMES) + ","


def server(proxy: str, number: int, status: str, **others: object) -> str:
    """Return the line of a server that is busy."""
    known = {
        "qcur": 0,
        "qmax": 3,
        "scur": 12 + 7 * number,
        "smax": 88,
        "stot": 481_220 + 1009 * number,
        "bin": 81_220_000 * number,
        "bout": 1_922_000_000 * number,
        "econ": 0,
        "eresp": 0,
        "weight": 20,
        "bck": 0,
        "lastchg": 86400 * number,
        "rate": 31 + number,
        "rate_max": 240,
        "check_status": "L7OK",
        "check_code": 200,
        "check_duration": number,
        "last_chk": "HTTP content check did match",
        "addr": f"198.51.100.{10 + number}:8080",
    }
    return row(proxy, f"{proxy}-{number}", 2, status, **{**known, **others})


DOWN = {"check_status": "L4CON", "check_code": "", "last_chk": "Connection refused", "chkdown": 3, "downtime": 412}


def proxies(step: int) -> list[str]:
    """Return the lines of an instance whose servers are in every state there is, after so many steps."""
    moved = {"bin": 912_000_000 + 412_000 * step, "bout": 48_200_000_000 + 21_700_000 * step, "stot": 9_412_000}
    busy = {"scur": 131, "smax": 840, "slim": 2000, **moved}
    front = {**busy, "rate": 170, "rate_max": 913, "req_rate": 204, "ereq": 12, "hrsp_5xx": 31, "dreq": 4}
    behind = {**busy, "rate": 170, "rate_max": 913, "qcur": 0, "lastchg": 90000, "algo": "leastconn", "mode": "http"}
    return [
        row("www", "FRONTEND", 0, "OPEN", **front),
        row("mail", "FRONTEND", 0, "OPEN", **{**front, "scur": 1811, "mode": "tcp", "req_rate": ""}),
        server("shop", 1, "UP", bin=81_220_000 + 90_000 * step, bout=1_922_000_000 + 4_120_000 * step),
        server("shop", 2, "UP 1/3", check_status="* L7STS", check_code=503, last_chk="Service Unavailable"),
        server("shop", 3, "DOWN", **DOWN, lastchg=130, scur=0, rate=0, econ=41, wretr=12, wredis=7),
        server("shop", 4, "MAINT", check_status="", check_code="", check_duration="", last_chk="", scur=0, rate=0),
        server("shop", 5, "DRAIN", scur=3, bin=406_000_000 + 1_900 * step, bout=9_610_000_000 + 48_000 * step),
        server("shop", 6, "DOWN 1/2", **DOWN, lastchg=61, scur=0),
        server("shop", 7, "UP", bck=1, scur=0, rate=0),
        row("shop", "BACKEND", 1, "UP", **{**behind, "qcur": 4}),
        server("api", 1, "UP"),
        server("api", 2, "UP"),
        server("api", 3, "no check", check_status="", check_code="", check_duration="", last_chk=""),
        row("api", "BACKEND", 1, "UP", **behind),
        server("legacy", 1, "DOWN", **DOWN, lastchg=3700, scur=0),
        server("legacy", 2, "DOWN", **DOWN, lastchg=3710, scur=0),
        row("legacy", "BACKEND", 1, "DOWN", **{**behind, "scur": 0, "rate": 0}),
        row("stats", "BACKEND", 1, "UP", **behind),
    ]


INFO = {
    "Version": "2.6.12-1+deb12u4",
    "Uptime_sec": "260000",
    "CurrConns": "131",
    "Maxconn": "20000",
    "SessRate": "170",
    "SslRate": "91",
    "Tasks": "312",
    "Idle_pct": "87",
    "node": "lb1",
    "description": "edge of the shop",
}


def report(lines: list[str], info: dict[str, str]) -> Report:
    """Return what an instance says."""
    text = f"# {HEADER},\n" + "\n".join(lines) + "\n"
    return Report("/run/haproxy/admin.sock", info, parse_stat(text.encode()), [("shop", "ip", "1048576", "8120")])


def haproxy(lines: list[str] | None = None, step: int = 0) -> Haproxies:
    """Return one instance that answers and, unless lines are given, another that does not."""
    process = Process(912.0, 214_000_000, 318, 1, 41.0, 90_000_000)
    if lines is not None:
        return Haproxies([OneHaproxy((), report(lines, INFO), process)], Choice())
    silent = "cannot connect to /run/haproxy-mail/admin.sock: Connection refused; is that HAProxy running?"
    edge = OneHaproxy(("edge",), report(proxies(step), INFO), process)
    return Haproxies([edge, OneHaproxy(("mail",), failure=silent)], Choice())


def service(address: str, port: int, servers: list[tuple[str, int, int]], step: int, **others: Any) -> Service:
    """Return a virtual service whose counters have grown by some steps; servers are address, weight and active."""
    many = range(len(servers))
    columns = Columns(
        [(one, str(port)) for one, _, _ in servers],
        [others.get("forward", "Route")] * len(servers),
        [weight for _, weight, _ in servers],
        [active for _, _, active in servers],
        [active // 3 for _, _, active in servers],
        [active // 9 for _, _, active in servers],
        [[base + place + grown * step * (place + 1) for place in many] for base, grown in _COUNTED],
    )
    counters = [sum(column) for column in columns.counters]
    proto, mark = others.get("proto", "TCP"), others.get("mark", "")
    return Service(proto, address, port, mark, others.get("scheduler", "wrr"), "sticky" in others, columns, counters)


_COUNTED = ((481_000, 31), (9_120_000, 400), (0, 0), (1_200_000_000, 51_000), (0, 0))


def ipvs(step: int, services: list[Service] | None = None) -> Table:
    """Return a director's table."""
    web = [("198.51.100.22", 30, 412), ("198.51.100.21", 10, 131), ("198.51.100.23", 0, 3)]
    known = services or [
        service("192.0.2.10", 80, web, step),
        service("192.0.2.20", 3306, [("198.51.100.50", 0, 0), ("198.51.100.51", 0, 0)], step, forward="Masq", sticky=1),
        service("2001:db8::10", 443, [("2001:db8::21", 5, 12), ("2001:db8::22", 5, 14)], step, scheduler="sh"),
        service("", 0, [("198.51.100.61", 1, 7)], step, proto="FWM", mark="0000000a", forward="Tunnel"),
    ]
    totals = [sum(one.counters[index] for one in known) for index in range(5)]
    return Table(known, Totals(totals), "netlink")


def keepalived() -> tuple[Vips, Vrrp]:
    """Return a node that is MASTER of two instances, one of whose VIPs is missing, and BACKUP of a third."""
    web, mail, database = (Instance(name) for name in ("VI_WEB", "VI_MAIL", "VI_DB"))
    for one, vrid, state, priority, since in (
        (web, "51", 2, (150, 150), 93_000),
        (mail, "53", 2, (150, 90), 4_100),
        (database, "52", 1, (100, 100), 93_010),
    ):
        one.vrid, one.interface, one.state, one.changed = vrid, "eth0", state, time() - since
        one.base_priority, one.effective_priority = priority
        one.counters = {"become_master": 2, "release_master": 1, "advert_sent": 92_811, "advert_rcvd": 12}
    alive, page = Script("chk_haproxy"), Script("chk_mail")
    alive.status, page.status, alive.run, page.run = 1, 0, 0, 1
    vips = [
        (Vip("VI_WEB", "51", "eth0", "192.0.2.10"), True),
        (Vip("VI_WEB", "51", "eth0", "192.0.2.20"), True),
        (Vip("VI_WEB", "51", "eth0", "2001:db8::10"), True),
        (Vip("VI_MAIL", "53", "eth0", "192.0.2.25"), False),
        (Vip("VI_DB", "52", "eth1", "198.51.100.1"), False),
    ]
    tracked = [("VI_WEB", "chk_haproxy"), ("VI_MAIL", "chk_haproxy"), ("VI_MAIL", "chk_mail")]
    return Vips(vips, [("VG_1", "VI_WEB")], tracked), Vrrp(True, [web, mail, database], [alive, page], "json")


def checks() -> Checks:
    """Return verdicts in every state."""
    metrics = [Metric("time", 0.0031, "s"), Metric("size", 5120, "B")]
    many = [*metrics, *(Metric(f"worker_{number}", number * 7.25, "%") for number in range(6))]
    given: tuple[tuple[str, str, State, str, list[Metric], float], ...] = (
        ("orders_db", "mysql_ping", State.CRITICAL, "198.51.100.50:3306 is closed (Connection refused)", [], 0),
        ("replica_db", "mysql_ping", State.WARNING, "198.51.100.51:3306 answers (41 ms), replica lag 38 s", metrics, 0),
        ("haproxy_alive", "process", State.OK, "1 process haproxy, pid 830, up for 3 days", many, 0),
        ("shop_page", "http_digest", State.OK, "http://192.0.2.10/health: 200, digest as expected", metrics, 0),
        ("web_port", "port", State.OK, "192.0.2.10:80 is open (0.412 ms)", metrics[:1], 0),
        ("ldap", "port", State.OK, "198.51.100.70:389 is open (0.8 ms)", metrics[:1], 2.0),
    )
    return Checks(
        [
            Verdict(name, kind, Result(state, text, values), time() - 4000, boot() - 2.5, 0.0041, promise)
            for name, kind, state, text, values, promise in given
        ]
    )


def node(**others: Callable[[], object]) -> list[Source[Any]]:
    """Return the collectors of this node; a word of others takes the place of one of them."""
    steps, moves = count(), count()
    known: dict[str, Callable[[], object]] = {
        "vip": lambda: keepalived()[0],
        "vrrp": lambda: keepalived()[1],
        "checks": checks,
        "haproxy": lambda: haproxy(step=next(moves)),
        "ipvs": lambda: ipvs(next(steps)),
        **others,
    }

    def collector(name: str) -> Source[Any]:
        return Source(name, lambda _: known[name](), lambda _: [])

    return [collector(name) for name in known]


@asynccontextmanager
async def serving(folder: Path, collectors: list[Source[Any]]) -> AsyncIterator[tuple[str, Server]]:
    """Serve the page of such a node and yield its address."""
    running = await start(replace(nowhere(folder), node="lb1.example.net"))
    running._answers.frame.sources = collectors
    try:
        yield f"http://127.0.0.1:{port_of(running)}/", running
    finally:
        await running.cleanup()
