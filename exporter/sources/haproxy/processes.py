"""What do HAProxy's processes say of themselves, what do they cost this node, and do old workers linger?"""

from __future__ import annotations

from contextlib import suppress
from dataclasses import dataclass
from itertools import pairwise
from operator import attrgetter
from pathlib import Path
from time import time
from typing import TYPE_CHECKING

import psutil

from exporter.render.exposition import Family, measured
from exporter.render.words import number
from exporter.sources.haproxy.info import INFO, RESOLVERS

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from vipwarden.node.haproxy.socket import Report

    Answers = Sequence[tuple[tuple[str, ...], Report, "Process | None"]]  # with the label of the instance

_MOST_STARTS = 256
_STEADY = 2  # seconds; a start reckoned from whole seconds of uptime varies
_PREFIX = "haproxy_process_"
_SAME_START = 60  # seconds; a large configuration is read between the fork and HAProxy's start
_NAMES = (
    ("build_info", "Version", "version", "Version of HAProxy; the value is always 1."),
    ("node", "node", "node", "Name of its node; the value is always 1."),
    ("description", "description", "desc", "Description by the operator; the value is always 1."),
)
_OLD_MEMORY = "Resident memory of old workers."


@dataclass(frozen=True, slots=True)
class Process:
    """The worker that answered, and the old workers of the same configuration from before a reload."""

    cpu_seconds: float
    resident_bytes: int
    open_fds: int | None
    old_workers: int
    old_age: float | None
    old_resident_bytes: int


def process(info: dict[str, str], proc: str) -> Process | None:
    """Return the process of a "show info", None if it is not on this node."""
    pid = info.get("Pid", "")
    if not (pid.isdecimal() and len(pid) < 10):
        return None
    psutil.PROCFS_PATH = proc
    with suppress(psutil.Error, OSError):
        worker = psutil.Process(int(pid))
        with worker.oneshot():
            if not _is_same(worker, info):
                return None
            times, memory = worker.cpu_times(), worker.memory_info().rss
            fds = None
            with suppress(psutil.AccessDenied):
                fds = worker.num_fds()
            old = list(_old_workers(worker, proc))
        age = max((time() - it.create_time() for it in old), default=None)
        return Process(times.user + times.system, memory, fds, len(old), age, sum(map(_resident, old)))
    return None


def _is_same(worker: psutil.Process, info: dict[str, str]) -> bool:
    """Return whether it is a haproxy that started when HAProxy says."""
    uptime = info.get("Uptime_sec", "")
    if not worker.name().startswith("haproxy") or not (uptime.isdecimal() and len(uptime) < 12):
        return False
    return abs(time() - worker.create_time() - int(uptime)) < _SAME_START


def _old_workers(worker: psutil.Process, proc: str) -> Iterator[psutil.Process]:
    """Yield older siblings of the same name and configuration, by /proc: psutil would read every process."""
    parent, created, files = worker.ppid(), worker.create_time(), _configuration(worker)
    children: list[str] = []
    with suppress(OSError):
        for thread in Path(proc, str(parent), "task").iterdir():
            children += Path(thread, "children").read_text(encoding="ascii").split()
    for pid in children:
        with suppress(psutil.Error):
            child = psutil.Process(int(pid))
            is_older = child.name() == worker.name() and child.create_time() < created
            if is_older and child.status() != psutil.STATUS_ZOMBIE and _configuration(child) == files:
                yield child


def _configuration(worker: psutil.Process) -> list[str]:
    """Return the files after -f and --, which tell apart the HAProxies of a node."""
    return [after for word, after in pairwise(worker.cmdline()) if word in ("-f", "--")]


def _resident(worker: psutil.Process) -> int:
    with suppress(psutil.Error):
        return int(worker.memory_info().rss)
    return 0


class Processes:
    """The series of the processes; remembers the starts of those that do not report them (before 2.5)."""

    def __init__(self) -> None:
        self._starts: dict[tuple[tuple[str, ...], str], int] = {}

    def families(self, answers: Answers, names: tuple[str, ...]) -> Iterator[Family]:
        """Yield them; ``names`` is the label of an instance, if it has one."""
        infos = [(label, self._with_start(label, report.info)) for label, report, _ in answers]
        families: dict[str, Family] = {}
        for key, name, kind, text, factor in INFO:
            family = families.setdefault(name, Family(_PREFIX + name, kind, text, names))
            for label, info in infos:
                value = info.get(key, "")
                if value.isdecimal() and len(value) < 20 and label not in family.samples:
                    family.add(int(value) * factor, *label)
        yield from families.values()
        for name, key, label_name, text in _NAMES:
            family = Family(_PREFIX + name, "gauge", text, (*names, label_name))
            for label, info in infos:
                if info.get(key):
                    family.add(1, *label, info[key])
            yield family
        yield from measured(
            names,
            [(label, process) for label, _, process in answers if process is not None],
            (f"{_PREFIX}cpu_seconds_total", "counter", "CPU time of the process.", attrgetter("cpu_seconds")),
            (f"{_PREFIX}resident_memory_bytes", "gauge", "Resident memory.", attrgetter("resident_bytes")),
            (f"{_PREFIX}open_fds", "gauge", "Open descriptors.", attrgetter("open_fds")),
            (f"{_PREFIX}old_workers", "gauge", "Workers from before a reload.", attrgetter("old_workers")),
            (f"{_PREFIX}old_worker_age_seconds", "gauge", "Age of the oldest old worker.", attrgetter("old_age")),
            (f"{_PREFIX}old_workers_resident_memory_bytes", "gauge", _OLD_MEMORY, attrgetter("old_resident_bytes")),
        )
        sticks = [((*label, *stick[:2]), stick) for label, report, _ in answers for stick in report.sticks]
        yield from measured(
            (*names, "name", "type"),
            [(labels, stick) for labels, stick in sticks if len(stick[2]) < 20 and len(stick[3]) < 20],
            ("haproxy_sticktable_size", "gauge", "Limit of entries of the stick table.", lambda it: number(it[2])),
            ("haproxy_sticktable_used", "gauge", "Entries of the stick table.", lambda it: number(it[3])),
        )
        yield from _resolvers(answers, names)

    def _with_start(self, label: tuple[str, ...], info: dict[str, str]) -> dict[str, str]:
        """Add the start, a variable of dashboards, the same as long as the process lives."""
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


def _resolvers(answers: Answers, names: tuple[str, ...]) -> Iterator[Family]:
    labels = (*names, "resolver", "nameserver")
    families = {it.key: Family(f"haproxy_resolver_{it.name}", it.type, it.help, labels) for it in RESOLVERS}
    for label, report, _ in answers:
        for section, server, counter, value in report.resolvers:
            if family := families.get(counter):
                family.add(int(value), *label, section, server)
    yield from families.values()
