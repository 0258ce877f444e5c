"""What of HAProxy's table does the page show, and in which colour?"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from exporter.render.view import joined, key
from exporter.render.words import Mark, number
from vipwarden.core.result import one_line
from vipwarden.node.haproxy.socket import BACKEND, FRONTEND, SERVER, first_word
from vipwarden.node.haproxy.table import text

if TYPE_CHECKING:
    from collections.abc import Hashable, Iterable, Sequence

    from vipwarden.node.haproxy.socket import Report

    Line = dict[str, str]

_COLUMNS = (
    *("pxname", "svname", "status", "lastchg", "mode", "algo", "addr", "weight", "bck", "chkdown", "downtime"),
    *("qcur", "qmax", "scur", "smax", "slim", "stot", "rate", "rate_max", "req_rate", "bin", "bout", "hrsp_5xx"),
    *("ereq", "dreq", "dresp", "econ", "eresp", "wretr", "wredis"),
    *("check_status", "check_code", "check_duration", "last_chk", "check_desc", "agent_status"),
)
_FRONTEND = {"OPEN": "good", "FULL": "warn", "PAUSED": "maint"}
_MOST_TEXT = 200
NEAR = 0.8  # of a limit of sessions


class Table(NamedTuple):
    """The lines of one instance that the page is about, each by the names of its columns."""

    label: str
    frontends: list[Line]
    backends: list[Line]
    servers: dict[str, list[Line]]  # by backend


def table(label: str, report: Report) -> Table:
    """Take the columns that the page shows out of a report."""
    kinds = report.table.column("type")
    columns = [(name, report.table.column(name)) for name in _COLUMNS]

    def lines(kind: str) -> list[Line]:
        wanted = kind.encode()
        places = [place for place, one in enumerate(kinds) if one == wanted]
        return [{name: _said(column[place]) for name, column in columns} for place in places]

    servers: dict[str, list[Line]] = {}
    for line in lines(SERVER):
        servers.setdefault(line["pxname"], []).append(line)
    return Table(label, lines(FRONTEND), lines(BACKEND), servers)


def _said(field: bytes) -> str:
    said = text(field)
    return said if len(said) <= _MOST_TEXT and said.isprintable() else one_line(said, _MOST_TEXT)


def counters(tables: Iterable[Table]) -> dict[Hashable, Sequence[int]]:
    """Return the bytes received and sent by what they are counted for."""
    found: dict[Hashable, Sequence[int]] = {}
    for one in tables:
        for line in (*one.frontends, *one.backends, *(line for lines in one.servers.values() for line in lines)):
            found[one.label, line["pxname"], line["svname"]] = (number(line["bin"]), number(line["bout"]))
    return found


def backend_mark(line: Line, servers: Sequence[Line]) -> Mark:
    """Return its state; one without servers, as of a stats page, is in no trouble."""
    if not servers:
        return Mark("idle", "no servers")
    return Mark("good" if first_word(line["status"]) == "UP" else "bad", line["status"])


def server_mark(line: Line) -> Mark:
    """Return its state: besides UP and DOWN it may be on the way (UP 1/3, DOWN 1/2), or taken out by somebody."""
    status = line["status"]
    word = first_word(status)
    moves = "/" in status and "(" not in status
    if status == "no check":
        return Mark("idle", status)
    if word == "UP":
        return Mark("warn" if moves else "backup" if line["bck"] == "1" else "good", status)
    if word == "DOWN":
        return Mark("rising" if moves else "bad", status)
    if word == "MAINT":
        return Mark("warn" if "resolution" in status else "maint", status)
    return Mark("drain" if word in ("DRAIN", "NOLB") else "unknown", status)


def frontend_mark(line: Line) -> Mark:
    """Return its state."""
    return Mark(_FRONTEND.get(first_word(line["status"]), "bad"), line["status"])


def server_key(label: str, line: Line) -> str:
    """Return the key of a server, or of a backend or frontend."""
    return key("haproxy", label, line["pxname"], line["svname"])


def last_check(line: Line) -> tuple[str, str]:
    """Return its result, and what came back."""
    status = line["check_status"]
    code = line["check_code"] if status.lstrip("* ").startswith("L7") else ""
    took = f"in {line['check_duration']} ms" if line["check_duration"] not in ("", "-1") and status else ""
    agent = f"agent {line['agent_status']}" if line["agent_status"] else ""
    return joined(joined(status, code, took, by=" "), agent), line["last_chk"] or line["check_desc"]


def near_limit(line: Line) -> bool:
    """Return whether its sessions come near to their limit."""
    return number(line["slim"]) > 0 and number(line["scur"]) > NEAR * number(line["slim"])
