"""What does each HAProxy of this node show, and what of it is wrong?"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from exporter.render.view import Group, Listing, Problem, is_wrong, joined
from exporter.render.words import Mark, amount, count, number, size, span, things
from exporter.sources.haproxy.view import backends, frontends
from exporter.sources.haproxy.view_rows import (
    Table,
    backend_mark,
    counters,
    frontend_mark,
    last_check,
    near_limit,
    server_key,
    server_mark,
    table,
)
from vipwarden.core.result import one_line

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from exporter.render.rates import Rates
    from exporter.render.view import Room
    from exporter.sources.haproxy.filters import Choice
    from exporter.sources.haproxy.source import Haproxies, One
    from exporter.sources.haproxy.view_rows import Line
    from vipwarden.node.haproxy.socket import Report

_NAMED = 3  # servers of one backend that are each a problem of their own
_MOST_STICKS = 50
_OLD = 600  # seconds that a worker may finish its connections after a reload


class Instance(NamedTuple):
    """One HAProxy: ``failure`` says why there is nothing of it."""

    name: str
    failure: str
    lead: str
    facts: list[tuple[str, str]]
    frontends: Listing
    backends: list[Group]
    sticks: list[tuple[str, str, str]]
    total: int
    up: int


def instances(facts: Haproxies, when: float, rates: Rates, room: Room) -> tuple[list[Instance], list[Problem]]:
    """Show every instance, and what is wrong with them."""
    tables = [table("".join(one.label), one.report) if one.report else None for one in facts.found]
    growth = rates.take(when, counters(one for one in tables if one))
    found, problems = [], []
    for one, known in zip(facts.found, tables, strict=True):
        name = "".join(one.label)
        if one.report is None or known is None:
            problems.append(
                Problem(Mark("unknown", "not read"), joined("HAProxy", name, by=" "), one.failure, "haproxy")
            )
            found.append(Instance(name, one.failure, "", [], Listing([], []), [], [], 0, 0))
            continue
        serving = [line for line in known.backends if line["pxname"] in known.servers]
        found.append(
            Instance(
                name,
                "",
                _lead(one.report),
                list(_facts(one)),
                frontends(known, growth, room),
                backends(known, growth, room),
                [
                    (one_line(stick, 200), one_line(kind, 60), f"{amount(used)} of {amount(most)}")
                    for stick, kind, most, used in one.report.sticks[:_MOST_STICKS]
                ],
                len(serving),
                sum(line["status"].startswith("UP") for line in serving),
            )
        )
        problems += _problems(one, known, facts.choice)
        if one.lost:
            problems.append(Problem(Mark("unknown", "not read"), joined("HAProxy", name, by=" "), one.lost, "haproxy"))
    return found, problems


def _lead(report: Report) -> str:
    info = report.info
    uptime = number(info.get("Uptime_sec"))
    version = f"Version {info['Version']}" if info.get("Version") else ""
    name = joined(info.get("description", "") if info.get("description") != "(null)" else "", info.get("node", ""))
    asked = "" if info else "its stats page tells nothing of the process"
    return one_line(joined(version, f"up for {span(uptime)}" if uptime else "", name, asked))


def _facts(one: One) -> Iterator[tuple[str, str]]:
    info = one.report.info if one.report else {}
    if info.get("CurrConns"):
        yield "Connections", f"{amount(info['CurrConns'])} of {amount(info.get('Maxconn'))}"
    for name, column in (("Sessions/s", "SessRate"), ("TLS/s", "SslRate"), ("Tasks", "Tasks")):
        if info.get(column):
            yield name, amount(info[column])
    if info.get("Idle_pct"):
        yield "Idle", f"{amount(info['Idle_pct'])} %"
    if one.process is not None:
        yield "Memory", size(one.process.resident_bytes)
        if one.process.open_fds is not None:
            yield "Descriptors", count(one.process.open_fds)
        if one.process.old_workers:
            yield "Old workers", count(one.process.old_workers)


def _problems(one: One, known: Table, choice: Choice) -> Iterator[Problem]:
    info = one.report.info if one.report else {}
    of = f" of {known.label}" if known.label else ""
    if number(info.get("Maxconn")) and number(info.get("CurrConns")) > 0.8 * number(info["Maxconn"]):
        text = f"{amount(info['CurrConns'])} of {amount(info['Maxconn'])} connections"
        yield Problem(Mark("warn", "near limit"), f"HAProxy{of}", text, "haproxy")
    process = one.process
    if process is not None and process.old_age is not None and process.old_age > _OLD:
        text = f"{things(process.old_workers, 'worker')} from before a reload, the oldest for {span(process.old_age)}"
        yield Problem(Mark("warn", "old workers"), f"HAProxy{of}", text, "haproxy")
    for line in known.frontends:
        mark = frontend_mark(line)
        if is_wrong(mark) or near_limit(line):
            mark = mark if is_wrong(mark) else Mark("warn", "near limit")
            text = f"{amount(line['scur'])} of {amount(line['slim'])} sessions"
            yield Problem(mark, f"frontend {line['pxname']}{of}", text, server_key(known.label, line))
    for line in known.backends:
        servers = known.servers.get(line["pxname"], [])
        yield from _of_backend(line, servers, known.label, of, by_design=choice.is_down_by_design(line["pxname"]))


def _is_down(line: Line) -> bool:
    return line["status"].startswith("DOWN")


def _of_backend(
    line: Line, servers: Sequence[Line], label: str, of: str, *, by_design: bool = False
) -> Iterator[Problem]:
    """Yield one problem for a backend that is down, else those of its servers, DOWN among them unless by design."""
    name = line["pxname"]
    mark = backend_mark(line, servers)
    if is_wrong(mark):
        said = sorted({joined(*last_check(one)) for one in servers if server_mark(one).tone == "bad"})
        text = joined(f"none of {things(len(servers), 'server')} is up", *said[:1])
        yield Problem(mark, f"backend {name}{of}", text, server_key(label, line))
    else:
        wrong = [one for one in servers if is_wrong(server_mark(one)) and not (by_design and _is_down(one))]
        for one in wrong[:_NAMED] if len(wrong) > _NAMED + 1 else wrong:
            since = f"for {span(number(one['lastchg']))}" if one["lastchg"].isdecimal() else ""
            text = joined(*last_check(one), since)
            yield Problem(server_mark(one), f"server {name}/{one['svname']}{of}", text, server_key(label, one))
        if len(wrong) > _NAMED + 1:
            text = f"besides {', '.join(one['svname'] for one in wrong[:_NAMED])}; {count(len(servers))} servers in all"
            more = Mark(server_mark(wrong[_NAMED]).tone, f"{count(len(wrong) - _NAMED)} more")
            yield Problem(more, f"servers of {name}{of}", text, server_key(label, line))
    if number(line["qcur"]):
        text = f"{things(number(line['qcur']), 'request waits', 'requests wait')} for a server"
        yield Problem(Mark("warn", "queue"), f"backend {name}{of}", text, server_key(label, line))
