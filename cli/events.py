"""What happened on this node, or on several, and what caused it?"""

from __future__ import annotations

import os
import sys
import time
from json import dumps
from math import isfinite
from time import localtime, mktime, strftime, strptime
from typing import TYPE_CHECKING

from vipwarden.core.commandline import CommandLine
from vipwarden.core.options import UsageError
from vipwarden.core.result import one_line
from vipwarden.events.event import KINDS
from vipwarden.events.explain import as_text, chains, clock, said
from vipwarden.events.merge import about, merged
from vipwarden.events.read import Tail, read
from vipwarden.state import paths

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from vipwarden.events.event import Event

_TURN = 0.2  # seconds between two looks of --follow
_DAY = "%Y-%m-%d"


class When(float):
    """A time in seconds of the epoch, of 03:00, 03:00:04.5, 2026-01-31, "2026-01-31 03:00" or @1700000000."""

    __slots__ = ()

    def __new__(cls, text: str | float) -> When:
        """Build it from its text; raises ValueError with what is wanted. A time of day is the last that has been."""
        if isinstance(text, float):
            return float.__new__(cls, text)
        try:
            if text.startswith("@"):
                found = float(text[1:])
                if not isfinite(found):
                    raise ValueError
                return float.__new__(cls, found)
            day, _, of_day = text.replace("T", " ").rpartition(" ")
            if not day and ":" not in of_day:
                day, of_day = of_day, "00:00"
            now = time.time()
            hours, minutes, *seconds = of_day.split(":")
            least = strptime(f"{day or strftime(_DAY, localtime(now))} {hours}:{minutes}", f"{_DAY} %H:%M")
            second = float(seconds[0]) if seconds else 0.0
            if len(seconds) > 1 or not 0 <= second < 61:
                raise ValueError
            found = mktime(least) + second
            if not day and found > now:
                yesterday = strftime(_DAY, localtime(now - 86400))
                found = mktime(strptime(f"{yesterday} {hours}:{minutes}", f"{_DAY} %H:%M")) + second
            return float.__new__(cls, found)
        except (ValueError, OverflowError):
            raise ValueError('a time is wanted, such as 03:00, 03:00:04.5, "2026-01-31 03:00" or @1700000000') from None


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
    until: When | None = None,
    kind: Kinds | None = None,
    name: str | None = None,
    follow: bool = False,
    explain: bool = False,
    json: bool = False,
) -> int:
    """Show the recorded events in the order in which they happened.

    Without files those of this node. The events of several nodes, each from "vipwarden events --json", get one order:
    clocks that differ are corrected by the adverts that both nodes saw. Exit codes: 0 shown, 1 they cannot be read, 2
    an option is wrong.

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
    try:
        tail = Tail(paths.history()) if follow else None
        whole, offsets = merged([read(place) for place in places] or [read(paths.history(), since or 0.0)])
        chosen = [event for event in whole if _fits(event, since, until, kind, name)]
        show = _as_json if json else _as_line
        sys.stderr.writelines(f"{line}\n" for line in about(offsets))
        if explain:
            _explained(whole, lambda event: _fits(event, since, until, kind, name))
        else:
            sys.stdout.writelines(show(event) for event in chosen)
        while tail is not None:
            sys.stdout.writelines(show(event) for event in tail.more() if _fits(event, None, until, kind, name))
            sys.stdout.flush()
            time.sleep(_TURN)
        sys.stdout.flush()
    except BrokenPipeError:  # "| head" has seen enough
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
    except FileNotFoundError as error:
        sys.stderr.write(f"vipwarden events: {error.filename} does not exist: has vipwarden recorder run here?\n")
        return 1
    except OSError as error:
        sys.stderr.write(f"vipwarden events: {error.filename}: {error.strerror}\n")
        return 1
    return 0


main = CommandLine("vipwarden events", events)


def _fits(
    event: Event, since: float | None, until: float | None, kinds: frozenset[str] | None, name: str | None
) -> bool:
    return (
        (since is None or event.time >= since)
        and (until is None or event.time <= until)
        and (kinds is None or event.kind in kinds)
        and (name is None or name in (event.name, event.of, event.node))
    )


def _as_json(event: Event) -> str:
    return f"{dumps(event.as_dict() | {'time': round(event.time, 6)})}\n"


def _as_line(event: Event) -> str:
    day = strftime(_DAY, localtime(event.time))
    return f"{day} {clock(event.time)}  {one_line(event.node, 60):<12} {one_line(said(event))}\n"


def _explained(events: Sequence[Event], fits: Callable[[Event], bool]) -> None:
    for chain in chains(events):
        if any(map(fits, chain.events)):
            sys.stdout.write(f"{strftime(_DAY, localtime(chain.events[0].time))}\n")
            sys.stdout.writelines(f"{_printable(line)}\n" for line in as_text(chain))


def _printable(line: str) -> str:
    """Return a line without control characters, with its columns."""
    return "".join(char if char.isprintable() else " " for char in line)
