"""Is an event new? Events are ordered, recorded, logged, handed to the recorder and passed to a worker.

keepalived starts a script for each event without waiting for the previous one, so scripts race. The kernel's start
times of the scripts give the order. An old event that comes late is logged and dropped: the last state that is acted
on is always keepalived's last state.
"""

from __future__ import annotations

import enum
import fcntl
import os
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from keepalived_scripts.notify import journal
from keepalived_scripts.notify.spool import Spool, background
from keepalived_scripts.notify.worker import work
from vipwarden.events.hand import Hand
from vipwarden.node.keepalived import vrrp_state
from vipwarden.node.keepalived.vrrp_state import VrrpState
from vipwarden.node.process.procfs import Stat
from vipwarden.state import files, paths
from vipwarden.state.clock import boot, wall

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from keepalived_scripts.notify.event import Event

_TICK = 0.01  # seconds, of the start times in /proc
_SEVERITY = {"FAULT": journal.WARNING, "DOWN": journal.WARNING}


class Next(enum.Enum):
    """The work that is left for a worker."""

    NOTHING = enum.auto()
    SPOOLED = enum.auto()
    AT_ONCE = enum.auto()  # the event is in no spool: pass it to the worker


def started() -> tuple[float, int]:
    """Return the start of this process in seconds since boot, to a hundredth, and its PID."""
    ticks = Stat(Path("/proc/self/stat").read_bytes()).start
    return ticks / os.sysconf("SC_CLK_TCK"), os.getpid()


def accept(event: Event, *, wanted: bool = True) -> Next:
    """Record and log an event, and spool it if it is ``wanted``; return the work that is left.

    If it cannot be recorded or spooled, as in a full /run, that is logged, and its hooks run all the same.
    """
    event.since = wall() - max(0.0, boot() - event.order[0])
    try:
        with _lock():
            if event.kind in vrrp_state.TYPES and not _record(event):
                return Next.NOTHING
            _log(event)
            _hand_over(event)
            if not wanted or event.is_priority:
                return Next.NOTHING
            dropped = Spool("hooks").add(event.as_dict())
    except OSError as error:
        journal.log(journal.ERROR, f"{event} cannot be spooled, its hooks run at once: {error}", event.fields())
        return Next.AT_ONCE if wanted and not event.is_priority else Next.NOTHING
    if dropped:
        journal.log(journal.ERROR, f"{dropped} of the oldest events are dropped: a hook blocks the others")
    return Next.SPOOLED


@contextmanager
def _lock() -> Iterator[None]:
    """Record one event at a time; raises OSError."""
    files.ready(paths.vrrp())
    with open(files.lock(f"{paths.vrrp()}/.lock"), "rb") as lock:  # noqa: PTH123 - a descriptor
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield


def go_on(config: str | None, at_once: Sequence[Event] = ()) -> None:
    """Start a worker, which reads the configuration ``config``; without a process for it, this process does the work.

    ``at_once`` are the events that are in no spool.
    """
    try:
        background(lambda: work(config, at_once))
    except OSError as error:
        journal.log(journal.ERROR, f"no process for the hooks, they run in this one: {error}")
        work(config, at_once)


def _record(event: Event) -> bool:
    """Record the state and return whether it is new; raises OSError, and then nothing is recorded."""
    before = vrrp_state.read(vrrp_state.path_of(event.kind, event.name))
    if before is not None and before.order[0] > boot():  # from before the boot
        before.order, before.ranked = (0.0, 0), 0.0
    if before is not None:
        event.previous = before.state
        if event.is_priority:
            _record_priority(event, before)
            return True
        if event.order < before.order:
            journal.log(journal.NOTICE, f"{event} comes after a newer event ({before.state})", event.fields())
            event.previous = ""  # which is not known
            _hand_over(event)  # the recorder has events in the order of their times
            return False
    if not event.is_state:
        return True
    same = before is not None and before.state == event.state
    state = VrrpState(
        event.kind,
        event.name,
        event.state,
        before.since if before is not None and same else event.since,
        priority=event.priority,
        changes=(before.changes if before is not None else 0) + (not same),
        source=before.source if before is not None and same else event.source,
        order=event.order,
    )
    if before is not None and (before.ranked > event.order[0] or not event.priority):
        state.priority, state.ranked = before.priority, before.ranked
    _publish(state)
    return not same


def _record_priority(event: Event, state: VrrpState) -> None:
    """Record a priority, but not its time as that of the state: an older change of state may still come."""
    if event.order[0] >= max(state.ranked, state.order[0]):
        state.priority, state.ranked = event.priority, event.order[0]
        _publish(state)


def _publish(state: VrrpState) -> None:
    try:
        vrrp_state.publish(state)
    except OSError:  # an old record would hide the next change
        Path(vrrp_state.path_of(state.kind, state.name)).unlink(missing_ok=True)
        raise


def _hand_over(event: Event) -> None:
    """Hand an event over to the recorder."""
    is_vrrp = event.kind in vrrp_state.TYPES
    text = f"priority {event.priority}" if event.priority else ""
    if event.source == "kernel":
        text = "keepalived's event was lost, the addresses of the kernel show the state"
    before = event.previous if event.is_state else ""
    hand = Hand("notify")
    rounded = _TICK if event.source == "notify" else 0.0  # down, by the kernel: its cause must not come after it
    ago = max(0.0, boot() - event.order[0] - rounded)
    kind = "vrrp" if is_vrrp else "server"
    hand.give(kind, event.name, of=event.kind, state=event.state, before=before, text=text, ago=ago)
    hand.flush()


def _log(event: Event) -> None:
    severity = _SEVERITY.get(event.state, journal.INFO if event.is_priority else journal.NOTICE)
    text = f"{event}, priority {event.priority}" if event.priority else str(event)
    if event.previous and event.is_state:
        text += f" (was {event.previous})"
    if event.source == "kernel":
        text += ": keepalived's event was lost, the addresses of the kernel show the state"
    journal.log(severity, text, event.fields())
