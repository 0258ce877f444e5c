"""How do HAProxy's processes fare: what "show info" says of them, what they cost this node, and which linger?

Of a HAProxy of this node psutil tells the rest: the pid that it says has to be a haproxy that started when it says.
"""

from __future__ import annotations

from contextlib import suppress
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from time import time
from typing import TYPE_CHECKING

import psutil

from exporter.render.exposition import Family
from exporter.sources.haproxy.info import INFO, RESOLVERS

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from vipwarden.node.haproxy.socket import Report

    Told = Sequence[tuple[tuple[str, ...], Report, "Process | None"]]  # the label of an instance, and what is known

_MOST_STARTS = 256
_STEADY = 2  # seconds by which a start wavers that is reckoned from whole seconds of uptime
_PREFIX = "haproxy_process_"
_SAME_START = 60  # seconds; a large configuration is read between the fork and the start that HAProxy tells


@dataclass(frozen=True, slots=True)
class Process:
    """The worker that answered: what it used, and the workers of the same configuration from before a reload."""

    cpu_seconds: float
    resident_bytes: int
    open_fds: int | None
    old_workers: int
    old_age: float | None
    old_resident_bytes: int


def process(info: dict[str, str], proc: str) -> Process | None:
    """Look at the process of a "show info"; None where it is not on this node."""
    pid = info.get("Pid", "")
    if not (pid.isdecimal() and len(pid) < 10):
        return None
    psutil.PROCFS_PATH = proc
    with suppress(psutil.Error, OSError):
        worker = psutil.Process(int(pid))
        with worker.oneshot():
            if not _is_it(worker, info):
                return None
            times, memory = worker.cpu_times(), worker.memory_info().rss
            fds = None
            with suppress(psutil.AccessDenied):
                fds = worker.num_fds()
            old = list(_old_workers(worker, proc))
        age = max((time() - one.create_time() for one in old), default=None)
        return Process(times.user + times.system, memory, fds, len(old), age, sum(_resident(one) for one in old))
    return None


def _is_it(worker: psutil.Process, info: dict[str, str]) -> bool:
    uptime = info.get("Uptime_sec", "")
    if not worker.name().startswith("haproxy") or not (uptime.isdecimal() and len(uptime) < 12):
        return False
    return abs(time() - worker.create_time() - int(uptime)) < _SAME_START


def _old_workers(worker: psutil.Process, proc: str) -> Iterator[psutil.Process]:
    """Yield the older siblings of the same name and the same configuration.

    The children of one process are a file in /proc; psutil would read every process of the node.
    """
    parent, created, files = worker.ppid(), worker.create_time(), _configuration(worker)
    children: list[str] = []
    with suppress(OSError):
        for thread in Path(proc, str(parent), "task").iterdir():
            children += Path(thread, "children").read_text(encoding="ascii").split()
    for pid in children:
        with suppress(psutil.Error):
            one = psutil.Process(int(pid))
            is_older = one.name() == worker.name() and one.create_time() < created
            if is_older and one.status() != psutil.STATUS_ZOMBIE and _configuration(one) == files:
                yield one


def _configuration(one: psutil.Process) -> list[str]:
    """Return the files that -f and -- name, which tell one HAProxy of a node from another."""
    words = one.cmdline()
    return [after for word, after in pairwise(words) if word in ("-f", "--")]


def _resident(one: psutil.Process) -> int:
    with suppress(psutil.Error):
        return int(one.memory_info().rss)
    return 0


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
