"""What of the facts does the page show, and in which tone?"""

from __future__ import annotations

from time import time
from typing import TYPE_CHECKING, NamedTuple

from checks.core.result import one_line
from checks.node.haproxy import BACKEND, FRONTEND, SERVER, first_word
from exporter.words import Mark, amount, count, size, span

if TYPE_CHECKING:
    from checks.core.verdict import Verdict
    from checks.node.haproxy import Report
    from checks.node.ipvs import Server, Service
    from checks.node.vips import Vip

_CHECK = ("good", "warn", "bad", "unknown")
_FRONTEND = {"OPEN": "good", "FULL": "warn", "PAUSED": "idle"}
_SERVER = {"UP": "good", "NOLB": "warn", "MAINT": "idle", "DRAIN": "idle", "DOWN": "bad"}


class VipRow(NamedTuple):
    """A VIP. That another node holds it is no trouble."""

    mark: Mark
    address: str
    interface: str
    instance: str
    vrid: str


class CheckRow(NamedTuple):
    """The last words of a check."""

    mark: Mark
    name: str
    check: str
    text: str
    since: str
    age: str


class FrontendRow(NamedTuple):
    """A frontend of HAProxy."""

    mark: Mark
    name: str
    sessions: str
    limit: str
    rate: str
    received: str
    sent: str


class ServerRow(NamedTuple):
    """A server of a backend, or a real server; ``share`` is its part of the weights in percent."""

    mark: Mark
    name: str
    text: str
    weight: str
    share: int
    now: str
    other: str


class Group(NamedTuple):
    """A backend, or a virtual service, and the servers behind it."""

    mark: Mark
    name: str
    text: str
    servers: list[ServerRow]


def vip_row(vip: Vip, is_held: bool) -> VipRow:
    """Show a VIP."""
    mark = Mark("good", "held here") if is_held else Mark("idle", "not here")
    return VipRow(mark, vip.address, vip.interface, vip.instance, vip.vrid)


def check_row(verdict: Verdict) -> CheckRow:
    """Show a verdict."""
    state = verdict.result.state
    since, age = span(max(0.0, time() - verdict.since)), span(verdict.age)
    return CheckRow(Mark(_CHECK[state], str(state)), verdict.name, verdict.check, verdict.result.text, since, age)


def frontends(report: Report) -> list[FrontendRow]:
    """Show the frontends."""
    return [
        FrontendRow(
            Mark(_FRONTEND.get(first_word(row.get("status", "")), "bad"), _said(row, "status")),
            _said(row, "pxname"),
            amount(row.get("scur")),
            amount(row.get("slim")),
            amount(row.get("rate")),
            amount(row.get("bin"), size),
            amount(row.get("bout"), size),
        )
        for row in report.of(FRONTEND)
    ]


def backends(report: Report) -> list[Group]:
    """Show the backends with their servers; one without servers, as of a stats page, is in no trouble."""
    behind: dict[str, list[dict[str, str]]] = {}
    for row in report.of(SERVER):
        behind.setdefault(row["pxname"], []).append(row)
    groups = []
    for row in report.of(BACKEND):
        rows = behind.get(row["pxname"], [])
        up = sum(first_word(one.get("status", "")) == "UP" for one in rows)
        mark = Mark("good" if first_word(row.get("status", "")) == "UP" else "bad", _said(row, "status"))
        text = f"{up} of {len(rows)} servers up" if rows else "no servers"
        if row.get("qcur", "0") not in ("", "0"):
            text += f", {amount(row['qcur'])} waiting"
        active = [one for one in rows if first_word(one.get("status", "")) == "UP" and one.get("bck") != "1"]
        total = sum(_int(one, "weight") for one in active)
        servers = [_server(one, total if one in active else 0) for one in rows]
        groups.append(Group(mark if rows else Mark("idle", "no servers"), _said(row, "pxname"), text, servers))
    return groups


def _server(row: dict[str, str], total: int) -> ServerRow:
    status = _said(row, "status")
    tone = "idle" if status == "no check" else _SERVER.get(first_word(status), "unknown")
    if tone == "good" and status != "UP":  # "UP 1/3": some checks have failed
        tone = "warn"
    words = [_said(row, "check_status"), _said(row, "last_chk") or _said(row, "check_desc")]
    if row.get("bck") == "1":
        words.insert(0, "backup")
    if row.get("lastchg", "").isdecimal():
        words.append(f"for {span(float(row['lastchg'][:15]))}")
    share = round(100 * _int(row, "weight") / total) if total else 0
    text = " · ".join(word for word in words if word)
    name, weight = _said(row, "svname"), amount(row.get("weight"))
    return ServerRow(Mark(tone, status), name, text, weight, share, amount(row.get("scur")), amount(row.get("qcur")))


def service_group(service: Service) -> Group:
    """Show a virtual service with its real servers; where none has a weight, nobody answers."""
    where = f"{service.proto} {_endpoint(service.address, service.port)}"
    if service.mark:
        where = f"firewall mark {int(service.mark, 16)}"
    total = sum(server.weight for server in service.servers)
    live = sum(server.weight > 0 for server in service.servers)
    mark = Mark("good", "served") if live else Mark("bad", "no live server")
    text = f"{service.scheduler}{', persistent' if service.persistent else ''}"
    return Group(mark, where, text, [_real_server(server, total) for server in service.servers])


def _real_server(server: Server, total: int) -> ServerRow:
    mark = Mark("good", "live") if server.weight > 0 else Mark("warn", "weight 0")
    share = round(100 * server.weight / total) if total > 0 and server.weight > 0 else 0
    name = _endpoint(server.address, server.port)
    return ServerRow(
        mark, name, server.forward, count(server.weight), share, count(server.active), count(server.inactive)
    )


def _endpoint(address: str, port: int) -> str:
    if not port:  # of a service by mark: whichever the client asked for
        return address
    return f"[{address}]:{port}" if ":" in address else f"{address}:{port}"


def _said(row: dict[str, str], column: str) -> str:
    return one_line(row.get(column, ""), 200)


def _int(row: dict[str, str], column: str) -> int:
    text = row.get(column, "")
    return int(text) if text.isdecimal() and len(text) < 10 else 0
