"""Which process is the keepalived of a configuration: by its pidfile, else by the list of processes?"""

from __future__ import annotations

import os
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING

from vipwarden.node.keepalived.process import CannotAskError, Keepalived, NoProcessError, option
from vipwarden.node.process.procfs import Proc, Process, read

if TYPE_CHECKING:
    from collections.abc import Iterator

DEFAULT_CONF = "/etc/keepalived/keepalived.conf"
_RUN = "/run"
_HIDDEN = "other users' processes are hidden (hidepid): whether keepalived runs cannot be seen"
_LAST: dict[tuple[str, str], int] = {}  # the last answer: to search again is to look at all processes


def find(conf: str, proc: str = "/proc", pidfile: str = "") -> Keepalived:
    """Return the keepalived that runs with a configuration; raises NoProcessError and CannotAskError.

    By the given pidfile, else by those in the usual places, else by the list of processes.
    """
    look = Proc(proc)
    if pidfile:
        pid = pid_of(pidfile)
        if pid is None:
            raise NoProcessError(f"keepalived does not run: {pidfile} names no process")
        process = look.processes.get(pid)
        if process is None and look.hides:
            raise CannotAskError(_HIDDEN)
        if process is None or not _is_keepalived(process):
            raise NoProcessError(f"keepalived does not run: PID {pid} of {pidfile} is not keepalived")
        return _hold(process)
    for pid in (_LAST.get((conf, proc)), *map(pid_of, pidfiles())):
        if pid in look.processes and _is_ours(look.processes[pid], conf):
            return _hold(look.processes[pid])
    parents = [process for process in look.processes.values() if _is_ours(process, conf)]
    children = {process.pid for process in parents if _parent(process) in {parent.pid for parent in parents}}
    parents = [process for process in parents if process.pid not in children]
    if len(parents) > 1:
        raise NoProcessError(f"several keepalived run with {conf}: say which by the pidfile")
    if parents:
        _LAST[conf, proc] = parents[0].pid
        return _hold(parents[0])
    if look.hides:
        raise CannotAskError(_HIDDEN)
    raise NoProcessError(f"no keepalived runs with {conf}")


def _hold(process: Process) -> Keepalived:
    try:
        return Keepalived(process)
    except OSError:
        raise NoProcessError("keepalived has just ended") from None


def pidfiles() -> Iterator[str]:
    """Yield the pidfiles of core/main.c: an instance or a network namespace has its own folder."""
    yield f"{_RUN}/keepalived.pid"
    if not os.path.isdir(f"{_RUN}/keepalived"):  # noqa: PTH112 - a glob costs much more
        return
    with suppress(OSError):
        yield from sorted(map(str, Path(_RUN, "keepalived").glob("**/keepalived*.pid")))


def pid_of(path: str) -> int | None:
    """Return the PID in a pidfile, None where it has none."""
    try:
        text = read(path, 64).split()
    except OSError:
        return None
    return int(text[0]) if text and text[0].isdigit() and len(text[0]) < 10 else None


def _is_keepalived(process: Process) -> bool:
    """Return whether it is a living keepalived of root or of this user: nobody else's program is run."""
    try:
        # the real user as well: a link of this name to a setuid program has root as its effective user
        own = {process.status.uid, process.status.real_uid} <= {0, os.geteuid()}
        return own and process.comm.startswith(b"keepalived") and not process.is_dead
    except OSError:
        return False


def _is_ours(process: Process, conf: str) -> bool:
    """Return whether it is a keepalived outside containers with that configuration."""
    try:
        if not _is_keepalived(process) or process.status.nested:
            return False
        own = option(list(map(os.fsdecode, process.cmdline)), "f", "use-file") or DEFAULT_CONF
    except OSError:
        return False
    return os.path.realpath(own) == os.path.realpath(conf)


def _parent(process: Process) -> int | None:
    try:
        return process.stat.parent
    except OSError:
        return None
