"""How far apart are the clocks of two nodes? Told by what both saw: the adverts of VRRP.

Who becomes MASTER sends an advert, on which the MASTER before becomes BACKUP at once. Who gives up being MASTER for
FAULT or STOP sends an advert of priority 0, on which another becomes MASTER after its skew, (256 - priority) / 256 of
its interval. VIPs come and go with both. Each such pair of events bounds the difference of the clocks; the bounds on
which most pairs agree count (Marzullo's algorithm), of several the least, as clocks are mostly right.
"""

from __future__ import annotations

from statistics import median
from typing import TYPE_CHECKING, NamedTuple

from vipwarden.events.order import corrected, ordered

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from vipwarden.events.event import Event

_EARLY = 0.02  # seconds: the hook of an advert's sender may start later than that of its receiver
_LIKELY, _AT_ONCE = 0.005, 0.15  # until a MASTER is BACKUP by an advert
_SKEW = 1.1  # until a BACKUP is MASTER after priority 0, at an interval of a second
_LEFT = ("FAULT", "STOP")
_MOST = 64  # changes of an instance that are compared, the last of each node
_ALIKE = 0.03  # seconds: less is no difference
_FAR = 86400.0  # seconds: clocks are not further apart


class Bound(NamedTuple):
    """The difference of two clocks is between two values, and likely a third where that is known."""

    low: float
    high: float
    likely: float | None = None


class Offset(NamedTuple):
    """A clock is ahead of the reference by ``seconds``, give or take ``error``; ``pairs`` of events say so."""

    seconds: float
    error: float
    pairs: int


def merged(nodes: Sequence[Iterable[Event]]) -> tuple[list[Event], dict[str, Offset | None]]:
    """Return the events of nodes in one order, and the offsets that their times were corrected by.

    The clock of the first node is the reference. Without an event that both saw the offset is None, and 0 is taken.
    """
    whole: list[Event] = []
    offsets: dict[str, Offset | None] = {}
    for name, events in _by_node(nodes).items():
        offset = offset_of(whole, events) if whole else Offset(0.0, 0.0, 0)
        offsets[name] = offset
        for event in events:
            event.time -= offset.seconds if offset else 0.0
        whole = sorted(whole + events, key=lambda event: event.time) if whole else events
    return whole, offsets


def _by_node(nodes: Sequence[Iterable[Event]]) -> dict[str, list[Event]]:
    """Return the events of each node in their order, with their times corrected for steps of its own clock."""
    found: dict[str, dict[object, Event]] = {}
    for events in nodes:
        for event in events:
            found.setdefault(event.node, {}).setdefault((event.bid, event.boot, event.pid, event.n), event)
    return {name: corrected(ordered(events.values())) for name, events in found.items()}


def offset_of(reference: Sequence[Event], other: Sequence[Event]) -> Offset | None:
    """Return by how much the clock of ``other`` is ahead; None where they share nothing."""
    ours, theirs = _changes(reference), _changes(other)
    bounds: list[Bound] = []
    for name in ours.keys() & theirs.keys():
        for mine in ours[name]:
            for its in theirs[name]:
                bounds += _bounds(mine, its)
    return agreed([bound for bound in bounds if bound.low < _FAR and bound.high > -_FAR])


def _changes(events: Sequence[Event]) -> Mapping[str, list[Event]]:
    """Return the changes into and out of MASTER by instance, and of VIPs by address, the last of each."""
    found: dict[str, list[Event]] = {}
    for event in events:
        is_change = event.kind == "vrrp" and event.of == "INSTANCE" and "MASTER" in (event.state, event.before)
        if is_change or (event.kind == "vip" and event.before != event.state):
            found.setdefault(f"{event.kind} {event.name}", []).append(event)
    return {name: changes[-_MOST:] for name, changes in found.items()}


def _bounds(mine: Event, its: Event) -> list[Bound]:
    """Return by how much its clock may be ahead, where one of two events has caused the other."""
    apart = its.time - mine.time
    bounds = []
    if (after := _after(mine, its)) is not None:
        least, likely, most = after
        bounds.append(Bound(apart - most, apart - least, None if likely is None else apart - likely))
    if (after := _after(its, mine)) is not None:
        least, likely, most = after
        bounds.append(Bound(apart + least, apart + most, None if likely is None else apart + likely))
    return bounds


def _after(cause: Event, effect: Event) -> tuple[float, float | None, float] | None:
    """Return how many seconds after its cause an effect comes: least, likely and most; None if it has another cause."""
    taken, left = (cause.state, effect.state) == ("held", "gone"), (cause.state, effect.state) == ("gone", "held")
    if taken or (cause.state == "MASTER" and effect.before == "MASTER" and effect.state == "BACKUP"):
        return -_EARLY, _LIKELY, _AT_ONCE
    if left or (cause.before == "MASTER" and cause.state in _LEFT and effect.state == "MASTER"):
        return -_EARLY, None, _SKEW
    return None


def agreed(bounds: Sequence[Bound]) -> Offset | None:
    """Return the difference on which most bounds agree, the least of several; None without bounds."""
    edges = sorted([(bound.low, -1) for bound in bounds] + [(bound.high, 1) for bound in bounds])
    best, count = 0, 0
    spans: list[tuple[float, float]] = []
    for place, (edge, kind) in enumerate(edges):
        count -= kind
        if kind < 0 and count >= best:
            spans = [] if count > best else spans
            best = count
            spans.append((edge, edges[place + 1][0]))
    if not spans:
        return None
    low, high = min(spans, key=lambda span: max(span[0], -span[1], 0.0))
    likely = [it.likely for it in bounds if it.likely is not None and it.low <= low and high <= it.high]
    seconds = min(max(median(likely or [(low + high) / 2]), low), high)
    is_alike = abs(seconds) <= _ALIKE or (not likely and low <= 0 <= high)
    return Offset(0.0 if is_alike else seconds, (high - low) / 2, best)


def about(offsets: Mapping[str, Offset | None]) -> list[str]:
    """Say by how much the clocks were corrected."""
    lines = []
    first, *others = offsets or [""]
    for node in others:
        offset = offsets[node]
        if offset is None:
            lines.append(f"{node}: its clock is not compared with that of {first}: no advert that both saw is recorded")
        else:
            word = "ahead of" if offset.seconds > 0 else "behind"
            lines.append(
                f"{node}: its clock is {abs(offset.seconds):.2f} s {word} that of {first}, give or take"
                f" {offset.error:.2f} s, by {offset.pairs} changes that both saw; corrected"
            )
    return lines
