"""How does a node become a real server, and cease to be one? All or nothing, and no more than was begun."""

from __future__ import annotations

import contextlib
import copy
import signal
from typing import TYPE_CHECKING

from keepalived_scripts.realserver import arp
from keepalived_scripts.realserver.status import wrong
from keepalived_scripts.realserver.vip import is_name

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from keepalived_scripts.realserver.loopback import Loopback
    from keepalived_scripts.realserver.record import Record
    from keepalived_scripts.realserver.vip import Vip


class FailedError(Exception):
    """It cannot be done; the text says why."""


def start(loopback: Loopback, record: Record, wanted: Mapping[str, Sequence[Vip]]) -> None:
    """Make the node a real server for what each word stands for, and for nothing that it stood for before.

    Raises FailedError or OSError, and then nothing is changed.
    """
    undo: list[Callable[[], None]] = []
    before = copy.deepcopy((record.vips, record.settings))
    every = list(dict.fromkeys(vip for vips in wanted.values() for vip in vips))
    try:
        if any(vip.version == 4 for vip in every):
            for key in arp.WANTED:
                _set(key, record, undo)
        problems = wrong(loopback, every)  # before the address is there: ARP must never tell it
        if problems:
            raise FailedError("; ".join(problems))
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
            signal.signal(number, signal.SIG_IGN)  # what has begun to be undone is undone
        for step in reversed(undo):
            with contextlib.suppress(OSError):  # a step that was not taken, for want of the right to it
                step()
        record.vips, record.settings = before
        record.write()
        if isinstance(error, OSError) and not isinstance(error, PermissionError):
            raise FailedError(f"nothing is changed: {error}") from None
        raise
    _put_back(record)


def _set(key: str, record: Record, undo: list[Callable[[], None]]) -> None:
    before, ours = arp.read(key), arp.WANTED[key]
    if arp.is_enough(key, before):
        return
    record.settings[key] = before, ours
    record.write()
    undo.append(lambda: arp.write(key, before))
    arp.write(key, ours)


def stop(loopback: Loopback, record: Record, wanted: Mapping[str, Sequence[Vip]]) -> list[str]:
    """End it, and return what there is to say of what stays; raises FailedError and OSError.

    A list gives up what was started by it, whatever it holds now, unless another word started that too; an address
    that is named goes whoever started it. What was on lo before the start stays.
    """
    said = []
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
                said.append(f"{vip} stays on lo: it was not put there by a start; ip address del takes it away")
    record.write()
    return said + _put_back(record)


def _put_back(record: Record) -> list[str]:
    """Put the settings back with the last IPv4 address, and return what somebody else changed meanwhile."""
    said = []
    if any(vip.version == 4 for vip in record.vips):
        return []
    for key, (before, ours) in list(record.settings.items()):
        now = arp.read(key)
        if now == ours:
            arp.write(key, before)
        else:
            said.append(f"{key} is left at {now}: it was {before} before the start, and {ours} after it")
        del record.settings[key]
    record.write()
    return said
