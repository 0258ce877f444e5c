"""Is it news? Each event is put in its place among the others, recorded, logged and handed on to a worker.

keepalived starts a script for each event without waiting for the last one, so two of them race. The time at which
the kernel says that keepalived started each tells the older from the newer, and an older one that comes late is
logged and goes no further: what is done last is always what keepalived said last.
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
from vipwarden.node.keepalived import vrrp_state
from vipwarden.node.keepalived.vrrp_state import VrrpState
from vipwarden.node.process.procfs import Stat
from vipwarden.state import files, paths
from vipwarden.state.clock import boot, wall

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from keepalived_scripts.notify.event import Event

_SEVERITY = {"FAULT": journal.WARNING, "DOWN": journal.WARNING}


class Next(enum.Enum):
    """What a worker has to do about an event."""

    NOTHING = enum.auto()
    SPOOLED = enum.auto()
    AT_ONCE = enum.auto()  # it has to be handed the event itself, which is in no spool


def started() -> tuple[float, int]:
    """Return when this process was started, in seconds since boot to a hundredth, and its number."""
    ticks = Stat(Path("/proc/self/stat").read_bytes()).start
    return ticks / os.sysconf("SC_CLK_TCK"), os.getpid()


def accept(event: Event, *, wanted: bool = True) -> Next:
    """Take an event and return what a worker has to do about it.

    One that is not ``wanted`` is recorded and logged, and nothing more is to be done about it. Where it cannot be
    recorded or spooled, as in a full /run, that is logged, and its hooks run all the same.
    """
    event.since = wall() - max(0.0, boot() - event.order[0])
    try:
        with _alone():
            if event.kind in vrrp_state.TYPES and not _record(event):
                return Next.NOTHING
            _log(event)
            if not wanted or event.is_rank:
                return Next.NOTHING
            dropped = Spool("hooks").add(event.as_dict())
    except OSError as error:
        journal.log(journal.ERROR, f"{event} cannot be put aside, its hooks run at once: {error}", _fields(event))
        return Next.AT_ONCE if wanted and not event.is_rank else Next.NOTHING
    if dropped:
        journal.log(journal.ERROR, f"{dropped} of the oldest events are dropped: a hook holds the others up")
    return Next.SPOOLED


@contextmanager
def _alone() -> Iterator[None]:
    """Let events be recorded one by one; raises OSError."""
    files.ready(paths.vrrp())
    with open(files.lock(f"{paths.vrrp()}/.lock"), "rb") as lock:  # noqa: PTH123 - a descriptor
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield


def go_on(config: str | None, at_once: Sequence[Event] = ()) -> None:
    """Let a worker of its own do the rest; ``config`` is the configuration that it reads.

    ``at_once`` are the events that are in no spool. Where no process can be made for it, the work is done by this one.
    """
    try:
        background(lambda: work(config, at_once))
    except OSError as error:
        journal.log(journal.ERROR, f"no process for the hooks, they run in this one: {error}")
        work(config, at_once)


def _record(event: Event) -> bool:
    """Put the state on record, and return whether it is news; raises OSError, and then nothing is on record."""
    before = vrrp_state.read(vrrp_state.path_of(event.kind, event.name))
    if before is not None and before.order[0] > boot():  # from before the boot
        before.order, before.ranked = (0.0, 0), 0.0
    if before is not None:
        event.previous = before.state
        if event.is_rank:
            _rank(event, before)
            return True
        if event.order < before.order:
            journal.log(journal.NOTICE, f"{event} comes after a newer event ({before.state})", _fields(event))
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


def _rank(event: Event, state: VrrpState) -> None:
    """Put a priority on record. It says nothing of the state: an older change of state may still be on its way."""
    if event.order[0] >= max(state.ranked, state.order[0]):
        state.priority, state.ranked = event.priority, event.order[0]
        _publish(state)


def _publish(state: VrrpState) -> None:
    try:
        vrrp_state.publish(state)
    except OSError:  # a state that is no longer true would make news of the next change look old
        Path(vrrp_state.path_of(state.kind, state.name)).unlink(missing_ok=True)
        raise


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
