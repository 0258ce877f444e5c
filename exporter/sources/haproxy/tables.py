"""Which columns have HAProxy's frontends and servers on the page, and which facts its backends?"""

from __future__ import annotations

from typing import TYPE_CHECKING

from exporter.render.model import Cell, Column, Group, Row, is_wrong, joined
from exporter.render.table import Table, drawn
from exporter.render.words import SEVERITY, Mark, amount, count, number, short, size, speed
from exporter.sources.haproxy.cells import (
    ERRORS_OF,
    RATE,
    REQUESTS,
    downtime,
    gauge,
    is_active,
    last_session,
    mark_of,
    names_of,
    number_column,
    rate_of,
    sum_of,
)
from exporter.sources.haproxy.history import CHECK, ERRORS, SESSIONS, TOTAL
from exporter.sources.haproxy.lines import (
    backend_mark,
    frontend_mark,
    is_up,
    last_check,
    near_limit,
    server_mark,
    shown,
)

if TYPE_CHECKING:
    from collections.abc import Callable

    from exporter.render.history import Past
    from exporter.render.model import Listing, Room
    from exporter.render.rates import Growth
    from exporter.sources.haproxy.lines import InstanceLines, Line


class Tables:
    """The tables of one instance, with its rates."""

    def __init__(self, lines: InstanceLines, growth: Growth, room: Room, past: Past, now: float) -> None:
        """Prepare them; ``now`` is on the monotonic clock."""
        self._lines = lines
        self._past = past
        self._ticks = past.ticks(now)
        self._growth = growth
        self._room = room
        self._weights: dict[bytes, tuple[int, bool]] = {}
        received: Column[Line] = Column("Received", "number bytes", lambda line: self._bytes(line, 0), sum_of("bin"))
        sent: Column[Line] = Column("Sent", "number bytes", lambda line: self._bytes(line, 1), sum_of("bout"))
        self._frontends = Table(
            "frontends",
            "Frontend",
            Column("Sessions", "number sessions", self._sessions, sum_of("scur")),
            Column("Rate", "number rate", self._rate, RATE),
            Column("Requests", "number rate", lambda line: gauge(line, "req_rate", "req_rate_max"), REQUESTS),
            number_column("Total", "stot", look="number sum"),
            received,
            sent,
            number_column("Denied", "dreq", "dresp"),
            number_column("Errors", "ereq"),
            number_column("5xx", "hrsp_5xx"),
            row=lambda line: Row(line.key, frontend_mark(line), line["pxname"], line["mode"]),
        )
        cookie: list[Column[Line]] = []
        if any(lines.columns["cookie"]):
            cookie.append(Column("Cookie", "text cookie", lambda line: Cell(line["cookie"])))
        self._servers = Table(
            "servers",
            "Server",
            Column("Weight", "number", self._weight, sum_of("weight")),
            Column("Queue", "number", lambda line: gauge(line, "qcur", "qmax"), sum_of("qcur")),
            Column("Sessions", "number sessions", self._sessions, sum_of("scur")),
            Column("Rate", "number rate", self._rate, RATE),
            number_column("Total", "stot", look="number sum"),
            Column("Last", "number", lambda line: Cell(last_session(line)), lambda line: -number(line["lastsess"])),
            received,
            sent,
            number_column("Denied", "dreq", "dresp"),
            Column("Errors", "number", self._errors, ERRORS_OF),
            number_column("5xx", "hrsp_5xx"),
            number_column("Retries", "wretr", "wredis"),
            Column("Check", "text check", self._check, sum_of("check_duration")),
            Column("Down", "number sum", downtime, sum_of("downtime")),
            *cookie,
            row=self._row,
        )

    def frontends(self, key: str) -> str:
        """Show the frontends."""
        order = self._frontends.order(self._room)
        items = self._room.listing(
            self._lines.frontends, frontend_mark, lambda line: (line["pxname"], line["mode"]), order
        )
        return self._frontends.listing(key, "Frontends", items)

    def backends(self) -> list[Group]:
        """Show the backends with their servers, problems first or in the reader's order."""
        servers, room = self._lines.servers, self._room
        order = self._worst
        if self._servers.order(room):
            order = lambda line: self._servers.best(room, servers(line))  # noqa: E731
        groups = []
        for line in sorted(self._lines.backends, key=order):
            is_named = room.wants(line["pxname"])
            items = room.listing(servers(line), mark_of, None if is_named else names_of, self._servers.order(room))
            if (items or (is_named and not room.choices.state)) and room.admits(items):
                groups.append(self._backend(line, items))
        return groups

    def _worst(self, line: Line) -> float:
        """Return the key for sorting: without a server, half up, by the worst server; the same for all others."""
        mark = backend_mark(line)
        if is_wrong(mark):
            return -2 if mark.tone == "bad" else -1
        wrong = {mark.tone for mark in map(mark_of, self._lines.servers(line)) if is_wrong(mark)}
        return min((SEVERITY[tone] for tone in wrong), default=len(SEVERITY))

    def _backend(self, line: Line, items: Listing[Line]) -> Group:
        servers, mark, name = self._lines.servers(line), backend_mark(line), line["pxname"]
        up = [it for it in servers if is_up(it.mark)]
        spare = sum(it["bck"] == "1" for it in up)
        counted = f"{count(len(up))} of {count(len(servers))} up" if servers else ""
        received, sent = self._growth.of(line.counted)
        errors = self._line(line, ERRORS, speed, is_rate=True)
        facts = [
            ("sessions", amount(line["scur"]), self._line(line, SESSIONS, count)),
            ("queue", amount(line["qcur"]), ""),
            ("rate", rate_of(line, "rate"), self._line(line, TOTAL, speed, is_rate=True)),
            ("in", amount(line["bin"], size) if received is None else speed(received, size), ""),
            ("out", amount(line["bout"], size) if sent is None else speed(sent, size), ""),
            ("denied", count(number(line["dreq"]) + number(line["dresp"])), ""),
            ("errors", count(number(line["econ"]) + number(line["eresp"])), errors),
        ]
        rows = self._servers.listing(line.key, f"Servers of {name}", items, name)
        is_open = any(self._room.choices) or is_wrong(mark) or any(is_wrong(it.mark) for it in servers)
        text = joined(counted, f"{count(spare)} backup" if spare else "", line["mode"], line["algo"])
        share = round(100 * len(up) / len(servers)) if len(up) < len(servers) else None
        return Group(line.key, mark, name, text, facts, rows, is_open, share)

    def _line(self, line: Line, what: int, write: Callable[[float], str], *, is_rate: bool = False) -> str:
        """Return how it was in the last quarter of an hour."""
        return drawn(self._past.outline(line.counted[1:], what, write, is_rate=is_rate))

    def _weight(self, line: Line) -> Cell:
        """Return the weight, with a bar where those of the active servers differ."""
        total, is_even = self._total(line)
        share = None if is_even or not is_active(line) or not total else round(100 * number(line["weight"]) / total)
        throttled = f"throttle {amount(line['throttle'])} %" if line["throttle"] not in ("", "100") else ""
        return Cell(amount(line["weight"]), joined("bck" if line["bck"] == "1" else "", throttled), share)

    def _total(self, line: Line) -> tuple[int, bool]:
        """Return the weight of all active servers of a backend, and whether all have the same."""
        backend = line.counted[1]
        if backend not in self._weights:
            weights = [number(it["weight"]) for it in self._lines.servers(line) if is_active(it)]
            self._weights[backend] = sum(weights), len(set(weights)) < 2
        return self._weights[backend]

    def _bytes(self, line: Line, way: int) -> Cell:
        total, rate = line[("bin", "bout")[way]], self._growth.of(line.counted)[way]
        return Cell(amount(total, size)) if rate is None else Cell(speed(rate, size), f"Σ {amount(total, size)}")

    def _row(self, line: Line) -> Row:
        ticks = [
            (minute, server_mark({"status": shown(status), "bck": ""}).tone)
            for minute, status in self._ticks.get(line.counted[1:], ())
        ]
        return Row(line.key, line.mark, line["svname"], line["addr"], line.since, ticks)

    def _sessions(self, line: Line) -> Cell:
        cell = gauge(line, "scur", "smax", "slim")._replace(line=self._past.outline(line.counted[1:], SESSIONS, count))
        return cell._replace(marks=[Mark("warn", "near limit")]) if near_limit(line) else cell

    def _rate(self, line: Line) -> Cell:
        cell = gauge(line, "rate", "rate_max", "rate_lim" if line["rate_lim"] else "")
        return cell._replace(line=self._past.outline(line.counted[1:], TOTAL, speed, is_rate=True))

    def _errors(self, line: Line) -> Cell:
        number_ = short(ERRORS_OF(line)) if line["econ"] or line["eresp"] else "-"
        return Cell(number_, line=self._past.outline(line.counted[1:], ERRORS, speed, is_rate=True))

    def _check(self, line: Line) -> Cell:
        result, answer = last_check(line)
        times = self._past.outline(line.counted[1:], CHECK, lambda value: f"{value:.0f} ms")
        return Cell(result or "-", answer if is_wrong(line.mark) else "", line=times)
