"""How far apart are the clocks of two nodes? The adverts of VRRP, which both saw, say so.

Who becomes MASTER sends an advert, on which the MASTER before becomes BACKUP at once. Who gives up being MASTER for
FAULT or STOP sends an advert of priority 0, on which another becomes MASTER after its skew, (256 - priority) / 256 of
its interval. VIPs come and go with both. Each such pair of events bounds the difference of the clocks; the bounds on
which most pairs agree count (Marzullo's algorithm), of several the least, as clocks are mostly right. VIPs alone say
less than states: a VIP left a node by its trouble, or was taken by another. What fits to the recorded trouble counts
twice.
"""

from __future__ import annotations

from bisect import bisect_right
from math import inf
from statistics import median
from typing import TYPE_CHECKING, NamedTuple

from vipwarden.events.event import GONE, HELD
from vipwarden.events.explain import BEFORE, is_trouble

if TYPE_CHECKING:
    from collections.abc import Container, Iterable, Mapping, Sequence

    from vipwarden.events.event import Event

_EARLY = 0.02  # seconds: the hook of an advert's sender may start later than that of its receiver
_LIKELY, _AT_ONCE = 0.005, 0.15  # until a MASTER is BACKUP by an advert
_SKEW = 1.1  # until a BACKUP is MASTER after priority 0, at an interval of a second
_LEFT = ("FAULT", "STOP")
_MOST = 64  # changes of an instance that are compared, the last of each node
_MOST_PAIRS = 100_000  # and of all instances: each with each of the other node
_ALIKE = 0.03  # seconds: less is no difference
_ENOUGH = 0.5  # of the changes of a node have a partner, or nothing is claimed
_ENDS = 3.0  # seconds after its VIPs have gone until a keepalived that is stopped has ended
_POINT = 1e-6  # seconds
_FAR = 86400.0  # seconds: clocks are not further apart


class Bound(NamedTuple):
    """The difference of two clocks is between two values, and likely a third where that is known.

    ``weight`` is how much it counts.
    """

    low: float
    high: float
    likely: float | None = None
    weight: int = 2


class Offset(NamedTuple):
    """A clock is ahead of the reference by ``seconds``, give or take ``error``; ``pairs`` of events say so.

    At the end of the record by ``last`` seconds, where that differs.
    """

    seconds: float
    error: float
    pairs: int
    last: float | None = None


def offset_of(reference: Sequence[Event], other: Sequence[Event], enough: float = _ENOUGH) -> Offset | None:
    """Return by how much the clock of ``other`` is ahead; None where what they share says too little.

    For ``enough`` of the changes of one of them, a part of 1, the difference has to be right.
    """
    ours, theirs = changes(reference), changes(other)
    troubled = _troubled(reference) | _troubled(other)
    strangers = _strangers(reference, other)
    names = [name for name in ours.keys() & theirs.keys() if name not in strangers]
    bounds: list[tuple[Bound, Event, Event]] = []
    names = names[: _MOST_PAIRS // 4]
    most = int((_MOST_PAIRS / max(1, len(names))) ** 0.5)
    ours, theirs = ({name: part[name][-most:] for name in names} for part in (ours, theirs))
    for name in names:
        for mine in ours[name]:
            for its in theirs[name]:
                bounds += ((bound, mine, its) for bound in _bounds(mine, its, troubled))
    bounds = [it for it in bounds if it[0].low < _FAR and it[0].high > -_FAR]
    offset = agreed([bound for bound, _, _ in bounds])
    if offset is None:
        return None
    near, far = offset.seconds - _ALIKE, offset.seconds + _ALIKE
    fitting = [(mine, its) for bound, mine, its in bounds if bound.low <= far and near <= bound.high]
    # changes without a partner speak against it, but for those that the shorter record does not have
    parts = [
        len({pair[side] for pair in fitting}) / sum(len(part[name]) for name in names)
        for side, part in enumerate((ours, theirs))
    ]
    return offset if max(parts) >= enough else None


def _strangers(reference: Sequence[Event], other: Sequence[Event]) -> set[str]:
    """Return the instances that have no more than their name in common: their VIPs differ."""
    ours, theirs = _vips(reference), _vips(other)
    return {f"vrrp {name}" for name in ours.keys() & theirs.keys() if not ours[name] & theirs[name]}


def _vips(events: Sequence[Event]) -> dict[str, set[str]]:
    """Return the VIPs of each instance."""
    found: dict[str, set[str]] = {}
    for event in events:
        if event.kind == "vip":
            found.setdefault(event.of, set()).add(event.name)
    return found


def changes(events: Iterable[Event]) -> Mapping[str, list[Event]]:
    """Return the changes into and out of MASTER by instance, and of VIPs by address, the last of each."""
    found: dict[str, list[Event]] = {}
    for event in events:
        is_change = event.kind == "vrrp" and event.of == "INSTANCE" and "MASTER" in (event.state, event.before)
        if is_change or (event.kind == "vip" and event.before != event.state):
            found.setdefault(f"{event.kind} {event.name}", []).append(event)
    return {name: part[-_MOST:] for name, part in found.items()}


def _troubled(events: Iterable[Event]) -> set[Event]:
    """Return the events of VIPs that go near trouble of their node; a daemon that is stopped ends after them."""
    gone: list[Event] = []
    times: dict[str, list[float]] = {}
    for event in events:
        if event.kind == "vip":
            gone += [event] if event.state == GONE else []
        elif is_trouble(event):
            times.setdefault(event.node, []).append(event.time)
    for found in times.values():
        found.append(inf)
    return {it for it in gone if _next(times.get(it.node, [inf]), it.time - BEFORE) < it.time + _ENDS}


def _next(times: Sequence[float], time: float) -> float:
    """Return the first of times that is after another."""
    return times[bisect_right(times, time)]


def _bounds(mine: Event, its: Event, troubled: Container[Event]) -> list[Bound]:
    """Return by how much its clock may be ahead, where one of two events has caused the other."""
    apart = its.time - mine.time
    bounds = []
    if (after := _after(mine, its, troubled)) is not None:
        least, likely, most, weight = after
        bounds.append(Bound(apart - most, apart - least, None if likely is None else apart - likely, weight))
    if (after := _after(its, mine, troubled)) is not None:
        least, likely, most, weight = after
        bounds.append(Bound(apart + least, apart + most, None if likely is None else apart + likely, weight))
    if len(bounds) == 2:  # it was one of them: where they overlap they do not count twice
        weak, strong = sorted(bounds, key=lambda it: it.weight)
        if weak.high > strong.high:
            low, high = max(weak.low, strong.high + _POINT), weak.high
        else:
            low, high = weak.low, min(weak.high, strong.low - _POINT)
        bounds = [strong, weak._replace(low=low, high=high)] if low < high else [strong]
    return bounds


def _after(cause: Event, effect: Event, troubled: Container[Event]) -> tuple[float, float | None, float, int] | None:
    """Return how many seconds after its cause an effect comes, and how much that counts; None if it has another cause.

    Least, likely and most seconds.
    """
    states = cause.state, effect.state
    if states == (HELD, GONE):
        return -_EARLY, _LIKELY, _AT_ONCE, 1 if effect in troubled else 2
    if states == (GONE, HELD):
        return -_EARLY, None, _SKEW, 2 if cause in troubled else 1
    if states == ("MASTER", "BACKUP") and effect.before == "MASTER":
        return -_EARLY, _LIKELY, _AT_ONCE, 2
    if cause.before == "MASTER" and cause.state in _LEFT and effect.state == "MASTER":
        return -_EARLY, None, _SKEW, 2
    return None


def agreed(bounds: Sequence[Bound]) -> Offset | None:
    """Return the difference on which most bounds agree, the least of several; None without bounds."""
    edges = sorted([(it.low, -it.weight) for it in bounds] + [(it.high, it.weight) for it in bounds])
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
    agreeing = [it for it in bounds if it.low <= low and high <= it.high]
    likely = [it.likely for it in agreeing if it.likely is not None and it.weight > 1]
    seconds = min(max(median(likely or [(low + high) / 2]), low), high)
    is_alike = abs(seconds) <= _ALIKE or (not likely and low <= 0 <= high)
    return Offset(0.0 if is_alike else seconds, (high - low) / 2, len(agreeing))
