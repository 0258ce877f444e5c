"""Which columns have HAProxy's frontends and servers on the page, and which facts its backends?"""

from __future__ import annotations

from typing import TYPE_CHECKING

from exporter.render.model import Cell, Column, Group, Row, is_wrong, joined
from exporter.render.table import Table
from exporter.render.words import SEVERITY, Mark, amount, count, number, size, span, speed, things
from exporter.sources.haproxy.lines import backend_mark, frontend_mark, is_up, last_check, near_limit

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from exporter.render.model import Room
    from exporter.render.rates import Growth
    from exporter.sources.haproxy.lines import InstanceLines, Line

_REFUSED = (("hrsp_5xx", "answered 5xx"), ("dreq", "requests denied"), ("dresp", "responses denied"))
_ERRORS = (("hrsp_5xx", "answered 5xx"), ("wretr", "retried"), ("wredis", "redispatched"))


class Tables:
    """The tables of one instance, with its rates."""

    def __init__(self, lines: InstanceLines, growth: Growth, room: Room) -> None:
        self._lines = lines
        self._growth = growth
        self._room = room
        self._totals: dict[bytes, int] = {}
        received: Column[Line] = Column("Received", "number", lambda line: self._bytes(line, 0))
        sent: Column[Line] = Column("Sent", "number", lambda line: self._bytes(line, 1))
        self._frontends = Table(
            "frontends",
            "Frontend",
            Column("Sessions", "number", _sessions),
            Column("Rate", "number", _frontend_rate),
            Column("Total", "number", lambda line: Cell(amount(line["stot"]))),
            received,
            sent,
            Column("Errors", "number", _frontend_errors),
            row=lambda line: Row(line.key, frontend_mark(line), line["pxname"], line["mode"]),
        )
        self._servers = Table(
            "servers",
            "Server",
            Column("Weight", "number", self._weight),
            Column("Queue", "number", lambda line: Cell(amount(line["qcur"]), f"max {amount(line['qmax'])}")),
            Column("Sessions", "number", _sessions),
            Column("Rate", "number", lambda line: Cell(_rate(line, "rate"), f"max {amount(line['rate_max'])}")),
            Column("Total", "number", lambda line: Cell(amount(line["stot"]))),
            received,
            sent,
            Column("Errors", "number", _server_errors),
            Column("Last check", "text", _last_check),
            row=lambda line: Row(line.key, line.mark, line["svname"], line["addr"], line.since),
        )

    def frontends(self, key: str) -> str:
        """Show the frontends."""
        items = self._room.listing(self._lines.frontends, frontend_mark, lambda line: (line["pxname"], line["mode"]))
        return self._frontends.listing(key, "Frontends", items)

    def backends(self) -> list[Group]:
        """Show the backends with their servers, problems first."""
        wants, servers = self._room.wants, self._lines.servers
        return [
            self._backend(line)
            for line in sorted(self._lines.backends, key=self._worst)
            if wants(line["pxname"]) or any(wants(it["svname"], it["addr"]) for it in servers(line))
        ]

    def _worst(self, line: Line) -> int:
        """Return the key for sorting, the same for all backends without problems."""
        wrong = {mark.tone for mark in (backend_mark(line), *_marks(self._lines.servers(line))) if is_wrong(mark)}
        return min((SEVERITY[tone] for tone in wrong), default=len(SEVERITY))

    def _backend(self, line: Line) -> Group:
        servers, mark, name = self._lines.servers(line), backend_mark(line), line["pxname"]
        marks = _marks(servers)
        up = sum(map(is_up, marks))
        counted = f"{count(up)} of {count(len(servers))} up" if servers else ""
        received, sent = self._growth.of(line.counted)
        facts = [
            ("sessions", amount(line["scur"])),
            ("queue", amount(line["qcur"])),
            ("rate", _rate(line, "rate")),
            ("in", amount(line["bin"], size) if received is None else speed(received, size)),
            ("out", amount(line["bout"], size) if sent is None else speed(sent, size)),
        ]
        names = None if self._room.wants(name) else lambda it: (it["svname"], it["addr"])
        items = self._room.listing(servers, lambda it: it.mark, names)
        rows = self._servers.listing(line.key, f"Servers of {name}", items, name)
        is_open = bool(self._room.find) or is_wrong(mark) or any(map(is_wrong, marks))
        return Group(line.key, mark, name, joined(counted, line["mode"], line["algo"]), facts, rows, is_open)

    def _total(self, line: Line) -> int:
        """Return the weight of all active servers of a backend."""
        backend = line.counted[1]
        if backend not in self._totals:
            self._totals[backend] = sum(number(it["weight"]) for it in self._lines.servers(line) if _is_active(it))
        return self._totals[backend]

    def _weight(self, line: Line) -> Cell:
        total = self._total(line) if _is_active(line) else 0
        share = round(100 * number(line["weight"]) / total) if total else 0
        return Cell(amount(line["weight"]), "backup" if line["bck"] == "1" else "", share)

    def _bytes(self, line: Line, way: int) -> Cell:
        total, rate = line[("bin", "bout")[way]], self._growth.of(line.counted)[way]
        return Cell(amount(total, size)) if rate is None else Cell(speed(rate, size), f"Σ {amount(total, size)}")


def _marks(servers: Sequence[Line]) -> list[Mark]:
    return [line.mark for line in servers]


def _is_active(line: Line) -> bool:
    return is_up(line.mark) and line["bck"] != "1"


def _rate(line: Line, name: str) -> str:
    return f"{amount(line[name])}/s" if line[name] else "-"


def _sessions(line: Line) -> Cell:
    limit = f"limit {amount(line['slim'])}" if number(line["slim"]) else ""
    marks = [Mark("warn", "near limit")] if near_limit(line) else []
    return Cell(amount(line["scur"]), joined(f"max {amount(line['smax'])}", limit, by=", "), marks=marks)


def _frontend_rate(line: Line) -> Cell:
    requests = f"{amount(line['req_rate'])} requests" if line["req_rate"] else f"max {amount(line['rate_max'])}"
    return Cell(_rate(line, "rate"), requests)


def _frontend_errors(line: Line) -> Cell:
    return Cell(amount(line["ereq"]), _numbers(line, _REFUSED))


def _numbers(line: Line, names: Iterable[tuple[str, str]]) -> str:
    return ", ".join(f"{amount(line[name])} {what}" for name, what in names if number(line[name]))


def _server_errors(line: Line) -> Cell:
    return Cell(count(number(line["econ"]) + number(line["eresp"])), _numbers(line, _ERRORS))


def _last_check(line: Line) -> Cell:
    result, answer = last_check(line)
    if downs := number(line["chkdown"]):
        lost = f" for {span(number(line['downtime']))}" if number(line["downtime"]) else ""
        answer = joined(answer, f"down {things(downs, 'time')}{lost}")
    return Cell(result or "-", answer)
