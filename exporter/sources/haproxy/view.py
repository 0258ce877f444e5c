"""How does the page show the HAProxies of this node?"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from exporter.render.model import Section, joined
from exporter.render.rates import Rates
from exporter.render.words import amount, count, number, size, span
from exporter.sources.haproxy.lines import InstanceLines
from exporter.sources.haproxy.problems import problems, unread, unread_mark
from exporter.sources.haproxy.tables import Tables
from vipwarden.core.result import one_line

if TYPE_CHECKING:
    from collections.abc import Iterator

    from exporter.render.model import Group, Problem
    from exporter.render.words import Mark
    from exporter.source import Look
    from exporter.sources.haproxy.source import Haproxies, Instance
    from vipwarden.node.haproxy.socket import Report

_MOST_STICKS = 50


class InstanceView(NamedTuple):
    """A HAProxy for the template, or its ``failure`` with its mark."""

    name: str
    failure: str = ""
    mark: Mark | None = None
    lead: str = ""
    facts: list[tuple[str, str]] = []
    frontends: str = ""
    backends: list[Group] = []
    sticks: list[tuple[str, str, str]] = []


class View:
    """Shows the instances, with rates between two looks."""

    def __init__(self) -> None:
        self._rates = Rates()

    def show(self, look: Look) -> Section:
        """Return the section."""
        facts: Haproxies | None = look.facts("haproxy")
        if facts is None:
            return Section({"instances": ()})
        known = [
            (instance, InstanceLines(instance.name, instance.report) if instance.report else None)
            for instance in facts.instances
        ]
        counters = {key: value for _, lines in known if lines for key, value in lines.counters().items()}
        growth = self._rates.take(look.outcomes["haproxy"].when, counters)
        shown: list[InstanceView] = []
        wrong: list[Problem] = []
        serving = up = 0
        for place, (instance, lines) in enumerate(known, 1):
            wrong += unread(instance)
            if lines is None or instance.report is None:
                shown.append(InstanceView(instance.name, instance.failure, unread_mark(instance)))
                continue
            tables = Tables(lines, growth, look.room, instance.past, look.outcomes["haproxy"].when)
            frontends = tables.frontends(f"frontends{place}")
            report = instance.report
            parts = _lead(report), list(_facts(instance)), frontends, tables.backends(), _sticks(report)
            shown.append(InstanceView(instance.name, "", None, *parts))
            wrong += problems(instance, lines, facts.choice)
            states = [line["status"] for line in lines.backends if lines.servers(line)]
            serving += len(states)
            up += sum(state.startswith("UP") for state in states)
        return Section({"instances": shown}, wrong, [("Backends up", up, serving)], tells_failure=True)


def _sticks(report: Report) -> list[tuple[str, str, str]]:
    return [
        (one_line(name, 200), one_line(kind, 60), f"{amount(used)} of {amount(most)}")
        for name, kind, most, used in report.sticks[:_MOST_STICKS]
    ]


def _lead(report: Report) -> str:
    info = report.info
    uptime = number(info.get("Uptime_sec"))
    version = f"Version {info['Version']}" if info.get("Version") else ""
    name = joined(info.get("description", "") if info.get("description") != "(null)" else "", info.get("node", ""))
    nothing = "" if info else "its stats page has no data of the process"
    return one_line(joined(version, f"up for {span(uptime)}" if uptime else "", name, nothing))


def _facts(instance: Instance) -> Iterator[tuple[str, str]]:
    info = instance.report.info if instance.report else {}
    if info.get("CurrConns"):
        yield "Connections", f"{amount(info['CurrConns'])} of {amount(info.get('Maxconn'))}"
    for name, column in (("Sessions/s", "SessRate"), ("TLS/s", "SslRate"), ("Tasks", "Tasks")):
        if info.get(column):
            yield name, amount(info[column])
    if info.get("Idle_pct"):
        yield "Idle", f"{amount(info['Idle_pct'])} %"
    if process := instance.process:
        yield "Memory", size(process.resident_bytes)
        if process.open_fds is not None:
            yield "Descriptors", count(process.open_fds)
        if process.old_workers:
            yield "Old workers", count(process.old_workers)
