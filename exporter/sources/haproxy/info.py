"""How do the processes fare: what "show info" says of them, and what the node sees of them?"""

from __future__ import annotations

from time import time
from typing import TYPE_CHECKING

from exporter.render.exposition import Family
from exporter.sources.haproxy.names import INFO, RESOLVERS

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from exporter.sources.haproxy.process import Process
    from vipwarden.node.haproxy.socket import Report

    Told = Sequence[tuple[tuple[str, ...], Report, Process | None]]  # the label of an instance, and what is known

_MOST_STARTS = 256
_STEADY = 2  # seconds by which a start wavers that is reckoned from whole seconds of uptime
_PREFIX = "haproxy_process_"


class Processes:
    """Writes the series of the processes, and remembers when those started that do not say (before 2.5)."""

    def __init__(self) -> None:
        self._starts: dict[tuple[tuple[str, ...], str], int] = {}

    def families(self, told: Told, names: tuple[str, ...]) -> Iterator[Family]:
        """Yield them; ``names`` is the name of the label of an instance, if it has one."""
        infos = [(label, self._whole(label, report.info)) for label, report, _ in told]
        found: dict[str, Family] = {}
        for key, name, kind, text, factor in INFO:
            family = found.setdefault(name, Family(_PREFIX + name, kind, text, names))
            for label, info in infos:
                value = info.get(key, "")
                if value.isdecimal() and len(value) < 20 and label not in family.samples:
                    family.add(int(value) * factor, *label)
        yield from found.values()
        for name, key, label_name, text in (
            ("build_info", "Version", "version", "Version of HAProxy; the value is always 1."),
            ("node", "node", "node", "Name of its node; the value is always 1."),
            ("description", "description", "desc", "What the operator calls it; the value is always 1."),
        ):
            family = Family(_PREFIX + name, "gauge", text, (*names, label_name))
            for label, info in infos:
                if info.get(key):
                    family.add(1, *label, info[key])
            yield family
        yield from _seen(told, names)
        yield from _sticks(told, names)
        yield from _resolvers(told, names)

    def _whole(self, label: tuple[str, ...], info: dict[str, str]) -> dict[str, str]:
        """Add the start, which dashboards build their variables from; it stays the same while the process does."""
        uptime = info.get("Uptime_sec", "")
        if "Start_time_sec" in info or not (uptime.isdecimal() and len(uptime) < 12):
            return info
        start = round(time()) - int(uptime)
        key = (label, info.get("Pid", ""))
        if len(self._starts) >= _MOST_STARTS:
            self._starts.clear()
        if abs(self._starts.get(key, 0) - start) > _STEADY:
            self._starts[key] = start
        return {**info, "Start_time_sec": str(self._starts[key])}


def _seen(told: Told, names: tuple[str, ...]) -> Iterator[Family]:
    cpu = Family(_PREFIX + "cpu_seconds_total", "counter", "CPU time that the process has used.", names)
    memory = Family(_PREFIX + "resident_memory_bytes", "gauge", "Memory that the process has resident.", names)
    fds = Family(_PREFIX + "open_fds", "gauge", "Descriptors that the process has open.", names)
    old = Family(_PREFIX + "old_workers", "gauge", "Workers from before a reload that still serve.", names)
    age = Family(_PREFIX + "old_worker_age_seconds", "gauge", "How long ago the oldest of them started.", names)
    old_memory = Family(_PREFIX + "old_workers_resident_memory_bytes", "gauge", "Memory that they have.", names)
    for label, _, process in told:
        if process is not None:
            cpu.add(process.cpu_seconds, *label)
            memory.add(process.resident_bytes, *label)
            if process.open_fds is not None:
                fds.add(process.open_fds, *label)
            old.add(process.old_workers, *label)
            old_memory.add(process.old_resident_bytes, *label)
            if process.old_age is not None:
                age.add(process.old_age, *label)
    yield from (cpu, memory, fds, old, age, old_memory)


def _sticks(told: Told, names: tuple[str, ...]) -> Iterator[Family]:
    size = Family(
        "haproxy_sticktable_size", "gauge", "Entries that the stick table may have.", (*names, "name", "type")
    )
    used = Family("haproxy_sticktable_used", "gauge", "Entries that the stick table has.", (*names, "name", "type"))
    for label, report, _ in told:
        for name, type_, most, now in report.sticks:
            if len(most) < 20 and len(now) < 20:
                size.add(int(most), *label, name, type_)
                used.add(int(now), *label, name, type_)
    yield from (size, used)


def _resolvers(told: Told, names: tuple[str, ...]) -> Iterator[Family]:
    labels = (*names, "resolver", "nameserver")
    found = {one.key: Family(f"haproxy_resolver_{one.name}", one.type, one.help, labels) for one in RESOLVERS}
    for label, report, _ in told:
        for section, server, counter, value in report.resolvers:
            if family := found.get(counter):
                family.add(int(value), *label, section, server)
    yield from found.values()
