"""How does a node start and stop being a real server? Each change is complete or undone."""

from __future__ import annotations

import contextlib
import copy
import signal
from typing import TYPE_CHECKING

from keepalived_scripts.realserver.status import WANTED, arp, is_enough, problems, set_arp
from keepalived_scripts.realserver.vip import is_name

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from keepalived_scripts.realserver.loopback import Loopback
    from keepalived_scripts.realserver.record import Record
    from keepalived_scripts.realserver.vip import Vip


class FailedError(Exception):
    """The change is not possible; the text says why."""


def start(loopback: Loopback, record: Record, wanted: Mapping[str, Sequence[Vip]]) -> None:
    """Make the node a real server for the VIPs of each address or list, and drop VIPs that left a list.

    Raises FailedError or OSError, and then nothing is changed.
    """
    undo: list[Callable[[], None]] = []
    before = copy.deepcopy((record.vips, record.settings))
    every = list(dict.fromkeys(vip for vips in wanted.values() for vip in vips))
    try:
        if any(vip.version == 4 for vip in every):
            for key in WANTED:
                _set(key, record, undo)
        faults = problems(loopback, every)  # before the address is there: ARP must never announce it
        if faults:
            raise FailedError("; ".join(faults))
        held = loopback.held()
        for name, vips in wanted.items():
            for vip in vips:
                record.add(vip, name, held=str(vip) in held)
        record.write()
        for vip in every:
            if str(vip) not in held:
                undo.append(lambda vip=vip: loopback.remove(vip))  # type: ignore[misc]
                loopback.add(vip)
        for name, vips in wanted.items():
            for vip in set(record.of(name)).difference(vips):
                record.vips[vip].names.discard(name)
                if not record.vips[vip].names and record.vips.pop(vip).ours and str(vip) in held:
                    undo.append(lambda vip=vip: loopback.add(vip))  # type: ignore[misc]
                    loopback.remove(vip)
        record.write()
    except BaseException as error:
        for number in (signal.SIGTERM, signal.SIGHUP, signal.SIGINT):
            signal.signal(number, signal.SIG_IGN)  # the rollback is not interrupted
        for step in reversed(undo):
            with contextlib.suppress(OSError):  # a step that was not taken, for lack of rights
                step()
        record.vips, record.settings = before
        record.write()
        if isinstance(error, OSError) and not isinstance(error, PermissionError):
            raise FailedError(f"nothing is changed: {error}") from None
        raise
    _put_back(record)


def _set(key: str, record: Record, undo: list[Callable[[], None]]) -> None:
    before, ours = arp(key), WANTED[key]
    if is_enough(key, before):
        return
    record.settings[key] = before, ours
    record.write()
    undo.append(lambda: set_arp(key, before))
    set_arp(key, ours)


def stop(loopback: Loopback, record: Record, wanted: Mapping[str, Sequence[Vip]]) -> list[str]:
    """Undo the start, and return notes on what stays; raises FailedError and OSError.

    A list gives up the VIPs that it started, whatever it holds now, unless another list or address started them too.
    An address given by itself is removed in any case. What was on lo before the start stays.
    """
    notes = []
    held = loopback.held()
    for name, vips in wanted.items():
        known = record.of(name) if is_name(name) else []
        for vip in dict.fromkeys((*known, *vips)):
            entry = record.vips.get(vip)
            if entry is not None and is_name(name) and entry.names - {name}:
                entry.names.discard(name)
                continue
            record.vips.pop(vip, None)
            if entry is not None and entry.ours:
                loopback.remove(vip)
                if str(vip) in loopback.held():
                    raise FailedError(f"lo still holds {vip} with another prefix: remove it with ip address del")
            elif str(vip) in held:
                notes.append(f"{vip} stays on lo: no start has put it there; remove it by ip address del")
    record.write()
    return notes + _put_back(record)


def _put_back(record: Record) -> list[str]:
    """Restore the settings after the last IPv4 address; return notes on those that somebody else has changed."""
    notes = []
    if any(vip.version == 4 for vip in record.vips):
        return []
    for key, (before, ours) in list(record.settings.items()):
        now = arp(key)
        if now == ours:
            set_arp(key, before)
        else:
            notes.append(f"{key} is left at {now}: it was {before} before the start, and {ours} after it")
        del record.settings[key]
    record.write()
    return notes
