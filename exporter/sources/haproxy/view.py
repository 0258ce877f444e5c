"""How do HAProxy's frontends, backends and servers fare, in the colours of its own page?"""

from __future__ import annotations

from typing import TYPE_CHECKING

from exporter.render.view import Cell, Group, Listing, Row, is_wrong, joined
from exporter.render.words import SEVERITY, Mark, amount, count, number, size, span, speed, things
from exporter.sources.haproxy.view_rows import (
    backend_mark,
    frontend_mark,
    last_check,
    near_limit,
    server_key,
    server_mark,
)
from vipwarden.node.haproxy.socket import first_word

if TYPE_CHECKING:
    from collections.abc import Sequence

    from exporter.render.rates import Growth
    from exporter.render.view import Room
    from exporter.sources.haproxy.view_rows import Line, Table


def frontends(one: Table, growth: Growth, room: Room) -> Listing:
    """Show the frontends."""
    return room.listing(_frontend(line, one.label, growth) for line in one.frontends)


def backends(one: Table, growth: Growth, room: Room) -> list[Group]:
    """Show the backends with their servers, what is wrong first."""
    found: list[tuple[Group, list[Row]]] = []
    for line in one.backends:
        servers = one.servers.get(line["pxname"], [])
        if room.wants(line["pxname"]) or any(room.wants(each["svname"], each["addr"]) for each in servers):
            active = [each for each in servers if first_word(each["status"]) == "UP" and each["bck"] != "1"]
            total = sum(number(each["weight"]) for each in active)
            rows = [_server(each, one.label, total if each in active else 0, growth) for each in servers]
            found.append((_backend(line, servers, one.label, growth), rows))
    found.sort(key=_worst)
    return [
        group._replace(
            rows=room.listing(rows, all_wanted=room.wants(group.name)),
            is_open=bool(room.find) or is_wrong(group.mark) or any(is_wrong(row.mark) for row in rows),
        )
        for group, rows in found
    ]


def _worst(pair: tuple[Group, list[Row]]) -> int:
    """Return what to sort by: the backends of which nothing is wrong stay in their order."""
    group, rows = pair
    wrong = [SEVERITY[one.tone] for one in (group.mark, *(row.mark for row in rows)) if is_wrong(one)]
    return min(wrong, default=len(SEVERITY))


def _frontend(line: Line, label: str, growth: Growth) -> Row:
    per_second = Cell(_rate(line, "rate"), f"max {amount(line['rate_max'])}")
    if line["req_rate"]:
        per_second = Cell(_rate(line, "rate"), f"{amount(line['req_rate'])} requests")
    refused = [f"{amount(line[name])} {what}" for name, what in _REFUSED if number(line[name])]
    errors = Cell(amount(line["ereq"]), ", ".join(refused))
    cells = (_sessions(line), per_second, Cell(amount(line["stot"])), *_bytes(line, label, growth), errors)
    return Row(server_key(label, line), frontend_mark(line), line["pxname"], line["mode"], cells=cells)


_REFUSED = (("hrsp_5xx", "answered 5xx"), ("dreq", "requests denied"), ("dresp", "responses denied"))
_ERRORS = (("hrsp_5xx", "answered 5xx"), ("wretr", "retried"), ("wredis", "redispatched"))


def _backend(line: Line, servers: Sequence[Line], label: str, growth: Growth) -> Group:
    up = sum(first_word(one["status"]) == "UP" for one in servers)
    counted = f"{count(up)} of {count(len(servers))} up" if servers else ""
    said = joined(counted, line["mode"], line["algo"])
    received, sent = growth.of((label, line["pxname"], line["svname"]))
    facts = [
        ("sessions", amount(line["scur"])),
        ("queue", amount(line["qcur"])),
        ("rate", _rate(line, "rate")),
        ("in", amount(line["bin"], size) if received is None else speed(received, size)),
        ("out", amount(line["bout"], size) if sent is None else speed(sent, size)),
    ]
    return Group(
        server_key(label, line), backend_mark(line, servers), line["pxname"], said, facts, Listing([], []), False
    )


def _server(line: Line, label: str, total: int, growth: Growth) -> Row:
    share = round(100 * number(line["weight"]) / total) if total else 0
    errors = number(line["econ"]) + number(line["eresp"])
    more = ", ".join(f"{amount(line[name])} {what}" for name, what in _ERRORS if number(line[name]))
    checked, said = last_check(line)
    downs = number(line["chkdown"])
    if downs:
        lost = f" for {span(number(line['downtime']))}" if number(line["downtime"]) else ""
        said = joined(said, f"down {things(downs, 'time')}{lost}")
    cells = (
        Cell(amount(line["weight"]), "backup" if line["bck"] == "1" else "", share),
        Cell(amount(line["qcur"]), f"max {amount(line['qmax'])}"),
        _sessions(line),
        Cell(_rate(line, "rate"), f"max {amount(line['rate_max'])}"),
        Cell(amount(line["stot"])),
        *_bytes(line, label, growth),
        Cell(count(errors), more),
        Cell(checked or "-", said),
    )
    since = f"for {span(number(line['lastchg']))}" if line["lastchg"].isdecimal() else ""
    return Row(server_key(label, line), server_mark(line), line["svname"], line["addr"], since, cells)


def _rate(line: Line, name: str) -> str:
    return f"{amount(line[name])}/s" if line[name] else "-"


def _sessions(line: Line) -> Cell:
    limit = f"limit {amount(line['slim'])}" if number(line["slim"]) else ""
    marks = [Mark("warn", "near limit")] if near_limit(line) else []
    return Cell(amount(line["scur"]), joined(f"max {amount(line['smax'])}", limit, by=", "), marks=marks)


def _bytes(line: Line, label: str, growth: Growth) -> list[Cell]:
    rates = growth.of((label, line["pxname"], line["svname"]))
    pairs = zip((line["bin"], line["bout"]), rates, strict=True)
    return [
        Cell(amount(total, size)) if rate is None else Cell(speed(rate, size), f"Σ {amount(total, size)}")
        for total, rate in pairs
    ]
