"""What happened on this node, or on several, and what caused it?"""

from __future__ import annotations

import os
import sys
import time
from json import dumps
from math import inf
from time import localtime, strftime
from typing import TYPE_CHECKING

from cli.when import DAY, Until, When
from vipwarden.core.commandline import CommandLine
from vipwarden.core.options import UsageError
from vipwarden.core.result import one_line
from vipwarden.events.event import KINDS
from vipwarden.events.explain import as_text, chains, clock, said
from vipwarden.events.merge import about, identity, merged
from vipwarden.events.read import read, there
from vipwarden.events.segments import MOST
from vipwarden.events.tail import Tail
from vipwarden.state import paths

if TYPE_CHECKING:
    from collections.abc import Callable, Container, Sequence
    from typing import NoReturn

    from vipwarden.events.event import Event

_MOST_TWICE = 10_000  # events that may come while the record is read
_TURN = 0.2  # seconds between two looks of --follow


class Kinds(frozenset[str]):
    """Kinds of events, separated by commas."""

    __slots__ = ()

    def __new__(cls, text: str) -> Kinds:
        """Build them from their text; raises ValueError with what is wanted."""
        words = text.split(",")
        if unknown := set(words) - set(KINDS):
            raise ValueError(f"there is no kind {min(unknown)!r}; there are {', '.join(KINDS)}")
        return frozenset.__new__(cls, words)


def events(
    *files: str | None,
    since: When | None = None,
    until: Until | None = None,
    kind: Kinds | None = None,
    name: str | None = None,
    follow: bool = False,
    explain: bool = False,
    json: bool = False,
) -> int:
    """Show the recorded events in the order in which they happened.

    Without files those of this user's recorder or of root's. The events of several nodes, each from "vipwarden events
    --json", get one order: clocks that differ are corrected by the adverts that both nodes saw. Exit codes: 0 shown, 1
    they cannot be read or written, 2 an option is wrong.

    files: files or folders of events, in place of those of this node
    since: first time, such as 03:00, 03:00:04.5, "2026-01-31 03:00" or @1700000000
    until: last time
    kind: kinds of events, separated by commas
    name: name of a check, an instance, an address or a node
    follow: go on with what comes, until interrupted
    explain: group what belongs to a change of MASTER, its cause first
    json: print each event as one line of JSON
    """
    places = [file for file in files if file]
    if follow and (places or explain):
        raise UsageError("--follow is for the events of this node, one by one")
    if since is not None and until is not None and until < since:  # 23:50 to 00:10, or until a time that is to come
        until = until.next_day() if until.of_day else until
        if until < since:
            raise UsageError("--until is before --since")

    def fits(event: Event) -> bool:
        return (
            (since is None or event.time >= since)
            and (until is None or event.time <= until)
            and (kind is None or event.kind in kind)
            and (name is None or name in (event.name, event.of, event.node))
        )

    show = _as_json if json else _as_line
    try:
        own = there((paths.history(), paths.HISTORY))  # which all may read
        tail = Tail(own) if follow else None
        whole, offsets = merged([_read(place, since, until, whole=bool(places)) for place in places or [own]])
        sys.stderr.writelines(f"{line}\n" for line in about(offsets))
        if explain:
            _explained(whole, fits)
        else:
            sys.stdout.writelines(show(event) for event in whole if fits(event))
        sys.stdout.flush()
        if tail is not None:
            _follow(tail, set(map(identity, whole[-_MOST_TWICE:])), lambda event: show(event) if fits(event) else "")
    except BrokenPipeError:  # "| head" has seen enough
        _write_no_more()
    except FileNotFoundError as error:
        sys.stderr.write(f"vipwarden events: {error.filename} does not exist: has vipwarden recorder run here?\n")
        return 1
    except OSError as error:
        if error.filename is None:
            _write_no_more()
        sys.stderr.write(f"vipwarden events: {error.filename or 'cannot write the events'}: {error.strerror}\n")
        return 1
    return 0


main = CommandLine("vipwarden events", events)


def _read(place: str, since: float | None, until: float | None, *, whole: bool) -> list[Event]:
    """Return the events of a place; says where there is none, or where there are too many."""
    name = one_line(place)

    def cut() -> None:
        sys.stderr.write(f"{name}: of the events that are wanted the last {MOST >> 20} MiB are shown: choose a time\n")

    found = read(place, since or 0.0, inf if until is None else until, whole=whole, cut=cut)
    if not found and whole:
        sys.stderr.write(f"{name}: no event is recorded there\n")
    return found


def _follow(tail: Tail, known: Container[object], show: Callable[[Event], str]) -> NoReturn:
    """Show what comes, but for those that are known already."""
    while True:
        more = tail.more()
        if tail.missed:
            sys.stderr.write("vipwarden events: events were removed from the record before they could be shown\n")
        sys.stdout.writelines(show(event) for event in more if identity(event) not in known)
        sys.stdout.flush()
        known = known if not more else ()
        time.sleep(_TURN)


def _write_no_more() -> None:
    """Let what is not written yet go nowhere, where it would fail again."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


def _as_json(event: Event) -> str:
    return f"{dumps(event.as_dict() | {'time': round(event.time, 6)})}\n"


def _as_line(event: Event) -> str:
    day = strftime(DAY, localtime(event.time))
    return f"{day} {clock(event.time)}  {one_line(event.node, 60):<12} {one_line(said(event))}\n"


def _explained(events: Sequence[Event], fits: Callable[[Event], bool]) -> None:
    for chain in chains(events):
        if any(map(fits, chain.events)):
            sys.stdout.write(f"{strftime(DAY, localtime(chain.events[0].time))}\n")
            sys.stdout.writelines(f"{_printable(line)}\n" for line in as_text(chain))


def _printable(line: str) -> str:
    """Return a line without control characters, with its columns."""
    return "".join(char if char.isprintable() else " " for char in line)
