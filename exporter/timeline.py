"""What happened on this node, for /events and /api/events?"""

from __future__ import annotations

import json
import os
from copy import copy
from html import escape
from math import isfinite
from typing import TYPE_CHECKING, NamedTuple

from exporter.peer import PeerError, answer
from exporter.render.words import moment
from vipwarden.core.result import one_line
from vipwarden.events.event import KINDS, Event
from vipwarden.events.explain import clock, said
from vipwarden.events.merge import about, merged
from vipwarden.events.order import corrected, ordered
from vipwarden.events.read import there
from vipwarden.events.stored import sizes
from vipwarden.events.tail import FIRST, Tail

if TYPE_CHECKING:
    from collections.abc import Container, Iterator, Mapping, Sequence

    from exporter.peer import Access, Peer
    from exporter.peers import Sight
    from exporter.settings import Settings

MOST = 1000  # events in an answer
MOST_WAIT = 30.0  # seconds of a long poll
_MOST_ANSWER = 8 << 20  # bytes of a peer's answer, or of what is read: MOST of the longest lines
_MOST_COMMAS = 200  # of an event of a peer: a million of nothing would take 100 MiB
_USUAL = 1 << 19  # bytes that have MOST events of usual length


class Wanted(NamedTuple):
    """What a request asks for: times of the epoch, kinds, a name, the place after which it goes on, seconds to wait."""

    since: float = 0.0
    kinds: frozenset[str] = frozenset()
    name: str = ""
    after: str = ""
    wait: float = 0.0

    def fits(self, event: Event) -> bool:
        """Return whether an event is asked for."""
        return (
            event.time >= self.since
            and (not self.kinds or event.kind in self.kinds)
            and (not self.name or self.name in (event.name, event.of, event.node))
        )


class Found(NamedTuple):
    """Events, and the place after which the next request goes on.

    ``missed`` is whether others that may fit are left out.
    """

    events: list[Event]
    place: str
    missed: bool = False


def wanted(query: Mapping[str, str]) -> Wanted:
    """Return what the query of an address asks for; raises ValueError with what is wrong."""
    kinds = frozenset(query["kind"].split(",")) if query.get("kind") else frozenset[str]()
    if unknown := kinds - set(KINDS):
        raise ValueError(f"There is no kind {one_line(min(unknown), 40)!r} of events; there are {', '.join(KINDS)}.")
    since, wait = _number(query, "since"), min(_number(query, "wait"), MOST_WAIT)
    return Wanted(since, kinds, query.get("name", ""), query.get("after", ""), wait)


def _number(query: Mapping[str, str], name: str) -> float:
    try:
        value = float(query.get(name, 0))
    except ValueError:
        value = -1.0
    if not isfinite(value) or value < 0:
        raise ValueError(f"{name} is no number of seconds: a time of the epoch, such as 1700000000, is wanted.")
    return value


def look(folders: Sequence[str], ask: Wanted) -> Found:
    """Read what is wanted, the last MOST of it; raises OSError, and ValueError for a place that is none."""
    folder = there(folders)
    os.stat(folder)  # noqa: PTH116 - else it would count as empty
    for most in (_USUAL, _MOST_ANSWER):
        tail = Tail(folder, ask.after or FIRST)
        events = [event for event in corrected(ordered(tail.more(most))) if ask.fits(event)]
        if len(events) >= MOST or not tail.missed:
            break
    return Found(events[-MOST:], tail.place, tail.missed or len(events) > MOST)


def mark(folders: Sequence[str]) -> object:
    """Return what is of another value where the record has changed; raises OSError."""
    folder = there(folders)
    return os.stat(folder).st_ino, sizes(folder)  # noqa: PTH116


def as_json(found: Found, settings: Settings) -> bytes:
    """Return an answer of /api/events."""
    events = [event.as_dict() | {"time": round(event.time, 6)} for event in found.events]
    answer = {"node": settings.node, "events": events, "after": found.place, "missed": found.missed}
    return json.dumps(answer).encode()


def asked(peer: Peer, access: Access, _own: bytes) -> list[Event]:
    """Return the events of a peer; raises NetError, PeerError and AuthFileError."""
    text = answer(peer, access, "/api/events", _MOST_ANSWER)
    try:
        if text.count(b",") > MOST * _MOST_COMMAS:
            raise ValueError
        given = json.loads(text)["events"]
        return [Event(fields) for fields in given[-MOST:]]
    except (AttributeError, LookupError, TypeError, ValueError, RecursionError):
        raise PeerError("its events cannot be read") from None


def _of(peer: Sight, own: Container[str]) -> list[Event]:
    """Return the events of a peer: what it calls by a name of this node is called by the peer's."""
    events = [copy(event) for event in peer.held or ()]  # which other pages correct at the same time
    for event in events:
        if event.node in own:
            event.node = f"{peer.name} ({event.node})"
    return events


def _fair(whole: Sequence[Event], sources: Sequence[Sequence[Event]]) -> Iterator[Event]:
    """Yield the last MOST events, the youngest first; a peer whose clock is ahead does not crowd out the others."""
    of = {id(event): place for place, events in enumerate(sources) for event in events}
    share = MOST // len(sources)
    sure = [min(len(events), share) for events in sources]
    rest = MOST - sum(sure)
    for event in reversed(whole):
        place = of[id(event)]
        if sure[place]:
            sure[place] -= 1
        elif rest:
            rest -= 1
        else:
            continue
        yield event


def as_html(found: Found, settings: Settings, peers: Sequence[Sight] = ()) -> bytes:
    """Return the page of events, the youngest first, with those of the peers in one order."""
    name = escape(settings.node)
    own = {event.node for event in found.events} | {settings.node}
    sources = [found.events, *(_of(peer, own) for peer in peers)]
    whole, offsets = merged(sources)
    notes = [f"{peer.name}: {peer.failure or 'no answer yet'}" for peer in peers if peer.held is None]
    notes += about(offsets)
    said_first = "".join(f"<p>{escape(one_line(note))}</p>\n" for note in notes)
    rows = "".join(
        f"<tr><td><time>{escape(moment(event.time)[:10])} {escape(clock(event.time))}</time></td>"
        f"<td>{escape(one_line(event.node, 60))}</td><td>{escape(one_line(said(event)))}</td></tr>\n"
        for event in _fair(whole, sources)
    )
    rows = rows or '<tr><td colspan="3">No event is recorded.</td></tr>\n'
    return (
        f'<!doctype html>\n<html lang="en"><head><meta charset="utf-8"><title>{name}: events</title>'
        '<meta name="viewport" content="width=device-width, initial-scale=1">'
        '<meta name="color-scheme" content="light dark"><link rel="stylesheet" href="static/page.css"></head>\n'
        f'<body><header><div class="who"><h1>{name}</h1></div><nav><a href="./">Page</a> <a href="api/events">JSON</a>'
        f'</nav></header>\n<main id="node"><section><h2>Events</h2>\n{said_first}<table><thead>'
        '<tr><th scope="col">Time</th><th scope="col">Node</th><th scope="col">Event</th></tr></thead>\n'
        f"<tbody>\n{rows}</tbody></table></section></main></body></html>\n"
    ).encode("utf-8", "replace")
