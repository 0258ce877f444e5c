"""What do HAProxy's processes cost the node, and do old workers linger after a reload?

By psutil, for a HAProxy of this node: the pid that it tells has to be a haproxy here that started when it says.
"""

from __future__ import annotations

from contextlib import suppress
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from time import time
from typing import TYPE_CHECKING

import psutil

if TYPE_CHECKING:
    from collections.abc import Iterator

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
