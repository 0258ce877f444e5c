"""Which checks are in maintenance, and how does that begin and end?"""

from __future__ import annotations

import os
import sys
from functools import partial
from json import dumps
from typing import TYPE_CHECKING

from cli.connections import CountError, is_known, places, until_gone
from cli.duration import Duration  # noqa: TC001 - options() looks it up
from cli.meant import as_json, covered, listed, on_disk, still_covers, sweep, target, user, valid
from cli.status import span
from vipwarden.config.document import PATH
from vipwarden.core.commandline import CommandLine, by_name
from vipwarden.core.options import File, UsageError
from vipwarden.core.result import one_line
from vipwarden.core.values import Seconds  # noqa: TC001 - options() looks it up
from vipwarden.events.hand import Hand
from vipwarden.net.stream import NetError
from vipwarden.state.clock import wall
from vipwarden.state.maintained import path, read_own, remove, write
from vipwarden.state.maintenance import Maintenance

if TYPE_CHECKING:
    from collections.abc import Sequence

ABOUT = {
    "start": "begin a maintenance, or change its end and reason",
    "end": "end a maintenance before its time",
    "list": "list what is in maintenance, until when, by whom and why",
}
_DONE, _FAILED, _REFUSED, _LEFT = 0, 1, 2, 3


def start(
    name: str | None = None,
    *,
    host: str | None = None,
    all: bool = False,  # noqa: A002 - the option's name
    for_: Duration,
    reason: str,
    by: str | None = None,
    wait: Seconds | None = None,
    config: File = PATH,
) -> int:
    """Begin a maintenance of a check, of all checks of a pattern or host, or of all checks of this node.

    The checks go on. The agent and chk_ commands tell keepalived what in_maintenance of each check says (drain, down
    or hold), and chk_service restarts nothing. It ends by itself, also after a reboot. A second start by the same
    person changes end and reason; those of others go on beside it.
    Exit codes: 0 done, 1 it cannot be recorded, 2 an option is wrong, 3 with --wait: connections are left, or cannot be
    counted; the maintenance has begun all the same.

    name: check, or pattern whose checks are all meant
    host: all checks of this host, as vipwarden.yaml has it
    all: all checks of this node
    for_: how long: seconds, or 30m, 1h30m, 2d; at most 30 days
    reason: what is done, for others to read
    by: who does it; default the user, before sudo
    wait: seconds to wait until the real servers have no connections in IPVS and no sessions in HAProxy
    config: configuration file
    """
    kind, what = target(name, host, all)
    now = wall()
    record = Maintenance(kind, what, one_line(by or user(), 100), one_line(reason, 300), now, now + for_)
    entries, names = covered(record, config)
    try:
        wanted = places(entries) if wait else set()
        if wait and not wanted:
            raise UsageError("--wait: none of these checks asks a host, so there are no connections to wait for")
    except CountError as error:
        raise UsageError(f"--wait: {error}") from None
    known = bool(wanted) and is_known(wanted)
    sweep()
    try:
        on_disk(lambda: write(record))
    except OSError as error:
        so = "" if isinstance(error, TimeoutError) else "; nothing has begun"
        return _complain(f"{error.filename} cannot be written: {error.strerror}{so}")
    _event(record, "begin", record.text)
    if os.geteuid():
        _complain("only checks of this user follow it, not those of root")
    _say(f"{record.what}: {record.text} ({len(names)} check{'s' * (len(names) != 1)})")
    if not wait:
        return _DONE
    if why := until_gone(entries, wanted, wait, known=known):
        _complain(why)
        return _LEFT
    _say("no connections are left")
    return _DONE


def end(
    name: str | None = None,
    *,
    host: str | None = None,
    all: bool = False,  # noqa: A002 - the option's name
    by: str | None = None,
    everybody: bool = False,
) -> int:
    """End a maintenance before its time, as it was begun: by the same name, --host or --all, and by the same person.

    Exit codes: 0 ended, or there was none; 1 its record cannot be removed, 2 an option is wrong, 3 another maintenance
    covers it still.

    name: check or pattern
    host: host
    all: the maintenance of all checks of this node
    by: who began it; default the user, before sudo
    everybody: end those that others began as well
    """
    kind, what = target(name, host, all)
    who = one_line(by or user(), 100)
    sweep()
    asked = [r for r in valid() if (r.kind, r.name) == (kind, what) and (everybody or r.by == who)]
    own = valid(read_own)
    for record in (mine := [r for r in asked if r in own]):
        try:
            on_disk(partial(remove, record))
        except OSError as error:
            return _complain(f"{error.filename or path(record)} cannot be removed: {error.strerror}")
        _event(record, "end", f"ended by {who}")
        _say(f"{record.what}: the maintenance by {record.by} is over")
    if mine != asked:
        _complain("a maintenance that root has begun is ended by root")
    others = [record for record in valid() if still_covers(record, kind, what)]
    for record in others:
        _say(f"{record.what}: {record.text}")
    if not mine and not others:
        _say("there is no such maintenance")
    return _LEFT if others else _DONE


def list_(
    name: str | None = None,
    *,
    host: str | None = None,
    all: bool = False,  # noqa: A002 - the option's name
    json: bool = False,
) -> int:
    """List what is in maintenance: all of it, or what covers a check or host.

    Exit codes: 0 listed, 2 an option is wrong, 3 what was asked for is not in maintenance.

    name: check or pattern
    host: host
    all: the maintenance of all checks of this node
    json: print one JSON object
    """
    records, trouble = listed()
    if trouble:
        _complain(f"{trouble} These are the copies for commands")
    if asked := bool(name or host or all):
        kind, what = target(name, host, all)
        records = [record for record in records if still_covers(record, kind, what)]
    if json:
        _say(dumps({"maintenance": [as_json(record) for record in records]}))
    else:
        for record in records:
            _say(f"{record.what}: {record.text} ({span(record.left)} left)")
    return _LEFT if asked and not records else _DONE


COMMANDS = {
    "start": CommandLine("vipwarden maint start", start, refused=_REFUSED),
    "end": CommandLine("vipwarden maint end", end, refused=_REFUSED),
    "list": CommandLine("vipwarden maint list", list_, refused=_REFUSED),
}


def main(arguments: Sequence[str]) -> int:
    """Run ``vipwarden maint start``, ``end`` or ``list``."""
    return by_name("vipwarden maint", arguments, lambda: ABOUT, _run, _REFUSED)


def _run(name: str, arguments: Sequence[str]) -> int:
    if name not in COMMANDS:
        raise UsageError(f"there is no {name!r}; there are {', '.join(COMMANDS)}")
    try:
        return COMMANDS[name](arguments)
    except NetError as error:
        return _complain(f"{error} Nothing has changed")


def _event(record: Maintenance, state: str, text: str) -> None:
    hand = Hand("maint")
    hand.give("maintenance", record.what, of=record.kind, state=state, text=text)
    hand.flush()


def _say(text: str) -> None:
    sys.stdout.write(f"{text}\n")
    sys.stdout.flush()


def _complain(text: str) -> int:
    sys.stderr.write(f"vipwarden maint: {text}\n")
    return _FAILED
