"""Is it news? Each event is put in its place among the others, recorded, logged and handed on to a worker.

keepalived starts a script for each event without waiting for the last one, so two of them race. The time at which
the kernel says that keepalived started each tells the older from the newer, and an older one that comes late is
logged and goes no further: what is done last is always what keepalived said last.
"""

from __future__ import annotations

import fcntl
import os
from pathlib import Path
from time import time
from typing import TYPE_CHECKING

from checks.core.verdict import now, ready
from checks.node import vrrp_state
from checks.node.procfs import Stat
from checks.node.vrrp_state import VrrpState
from keepalived_scripts.notify import journal
from keepalived_scripts.notify.spool import Spool, background
from keepalived_scripts.notify.worker import work

if TYPE_CHECKING:
    from keepalived_scripts.notify.event import Event

_SEVERITY = {"FAULT": journal.WARNING, "DOWN": journal.WARNING}


def started() -> tuple[float, int]:
    """Return when this process was started, in seconds since boot to a hundredth, and its number."""
    ticks = Stat(Path("/proc/self/stat").read_bytes()).start
    return ticks / os.sysconf("SC_CLK_TCK"), os.getpid()


def accept(event: Event, *, wanted: bool = True) -> bool:
    """Take an event and return whether there is something to do for a worker; raises OSError.

    One that is not ``wanted`` is recorded and logged, and nothing more is to be done about it.
    """
    event.since = time() - max(0.0, now() - event.order[0])
    place = vrrp_state.place()
    ready(place)
    with Path(place, ".lock").open("w", encoding="ascii") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if event.kind in vrrp_state.TYPES and not _record(event):
            return False
        _log(event)
        wanted = wanted and not event.is_rank
        dropped = Spool("hooks").add(event.as_dict()) if wanted else 0
    if dropped:
        journal.log(journal.ERROR, f"{dropped} of the oldest events are dropped: a hook holds the others up")
    return wanted


def go_on(config: str | None) -> None:
    """Let a worker of its own do the rest; ``config`` is the configuration that it reads."""
    background(lambda: work(config))


def _record(event: Event) -> bool:
    """Put the state on record, and return whether it is news."""
    before = vrrp_state.read(vrrp_state.path_of(event.kind, event.name))
    if before is not None:
        event.previous = before.state
        if event.order < before.order and before.order[0] <= now():  # else it is from before the boot
            journal.log(journal.NOTICE, f"{event} comes after a newer event ({before.state})", _fields(event))
            return False
    if not event.is_state:
        if event.is_rank and before is not None:
            before.priority, before.order = event.priority, event.order
            vrrp_state.publish(before)
        return True
    same = before is not None and before.state == event.state
    state = VrrpState(
        event.kind,
        event.name,
        event.state,
        before.since if before is not None and same else event.since,
        priority=event.priority or (before.priority if before is not None else 0),
        changes=(before.changes if before is not None else 0) + (not same),
        source=before.source if before is not None and same else event.source,
        order=event.order,
    )
    vrrp_state.publish(state)
    return not same


def _log(event: Event) -> None:
    severity = _SEVERITY.get(event.state, journal.INFO if event.is_rank else journal.NOTICE)
    text = f"{event}, priority {event.priority}" if event.priority else str(event)
    if event.previous and event.is_state:
        text += f" (was {event.previous})"
    if event.source == "kernel":
        text += ": keepalived's own word was lost, the addresses of the kernel show it"
    journal.log(severity, text, _fields(event))


def _fields(event: Event) -> dict[str, object]:
    names = ("kind", "name", "state", "previous", "priority", "source")
    return {("type" if name == "kind" else name): getattr(event, name) for name in names}
