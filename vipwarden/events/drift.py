"""How far ahead is a clock in each part of a record: after a reboot, or where it runs too fast or too slow?

Each boot may have another difference. Where the changes of a boot do not agree on one, those that are near in time may:
a clock that nobody corrects drifts. That is believed where their differences follow each other as those of a drift do.
"""

from __future__ import annotations

from bisect import bisect_right
from itertools import groupby, pairwise
from math import inf
from typing import TYPE_CHECKING, NamedTuple

from vipwarden.events.clocks import Offset, changes, offset_of
from vipwarden.events.explain import is_trouble

if TYPE_CHECKING:
    from collections.abc import Sequence

    from vipwarden.events.event import Event

_MOST_AGREE = 0.8  # of the changes, or it is looked for a drift
_QUIET = 120.0  # seconds between two groups of changes
_LEAST, _MOST = 3, 64  # groups from which a drift is known; the last of them and of the boots are compared
_MOST_SEEN = 20_000  # events of the reference that they are compared with, the last
_RATE = 600e-6  # of a quartz that nobody corrects, and a little
_UNSURE = 1.2  # seconds by which a change of the less certain sort may be wrong
_ALIKE = 0.03  # seconds: less is no difference


class _Known(NamedTuple):
    """What is known of a difference at a time of the clock."""

    time: float
    offset: Offset


def apart(reference: Sequence[Event], events: Sequence[Event]) -> Offset | None:
    """Correct the times of the events of a node, and return by how much; None where what both saw says too little."""
    boots = [list(boot) for _, boot in groupby(events, key=lambda event: event.bid)]
    seen = [event for event in reference if event.kind in ("vrrp", "vip") or is_trouble(event)][-_MOST_SEEN:]
    found = [_known(seen, boot) if len(boots) - place <= _MOST else [] for place, boot in enumerate(boots)]
    if len(boots) > 1:  # a change or two of a boot may fit to something else of that day
        whole = offset_of(seen, events)
        found = [part if _is_sure(part, whole) else [] for part in found]
        found[0] = found[0] or ([_Known(events[0].time, whole)] if whole is not None and not any(found) else [])
    known = [it for part in found for it in part]
    if not known:
        return None
    nearest = known[0]  # of boots that say nothing
    for boot, part in zip(boots, found, strict=True):
        for event in boot:
            event.time -= _at(part or [nearest], event.time)
        for before, after in zip(reversed(boot[:-1]), reversed(boot[1:]), strict=True):
            before.time = min(before.time, after.time)
        nearest = part[-1] if part else nearest
    first, last = known[0].offset, known[-1].offset
    error, pairs = max(it.offset.error for it in known), sum(it.offset.pairs for it in known)
    return Offset(first.seconds, error, pairs, None if abs(last.seconds - first.seconds) <= _ALIKE else last.seconds)


def _is_sure(known: Sequence[_Known], whole: Offset | None) -> bool:
    """Return whether differences in a boot are certain, or near to the difference on which all boots agree."""
    return all(
        it.offset.pairs >= _LEAST or (whole is not None and abs(it.offset.seconds - whole.seconds) < _UNSURE)
        for it in known
    )


def _known(reference: Sequence[Event], boot: list[Event]) -> list[_Known]:
    """Return the differences in a boot: one, or those of a drift."""
    if not changes(boot):
        return []
    begin = boot[0].time
    if (offset := offset_of(reference, boot, _MOST_AGREE)) is not None:
        return [_Known(begin, offset)]
    groups = _groups(boot)
    found = [_Known(group[0].time, offset) for group in groups if (offset := offset_of(reference, group)) is not None]
    is_drift = all(
        abs(after.offset.seconds - before.offset.seconds) <= _RATE * (after.time - before.time) + _UNSURE
        for before, after in pairwise(found)
    )
    if is_drift and len(found) >= _LEAST and len(found) > len(groups) / 2:
        return found
    offset = offset_of(reference, boot)
    return [] if offset is None else [_Known(begin, offset)]


def _groups(boot: list[Event]) -> list[list[Event]]:
    """Return the events of the last groups of changes that are near in time."""
    times = sorted(event.time for part in changes(boot).values() for event in part)
    begins = [after for before, after in pairwise([-inf, *times]) if after - before > _QUIET][-_MOST:]
    places = [bisect_right(boot, begin - _QUIET / 4, key=lambda event: event.time) for begin in begins]
    return [boot[begin:end] for begin, end in pairwise([*places, len(boot)])]


def _at(known: Sequence[_Known], time: float) -> float:
    """Return the difference at a time, between those that are known."""
    place = bisect_right(known, time, key=lambda it: it.time)
    if place in (0, len(known)):
        return known[max(0, place - 1)].offset.seconds
    before, after = known[place - 1 : place + 1]
    part = (time - before.time) / (after.time - before.time)
    return before.offset.seconds + part * (after.offset.seconds - before.offset.seconds)
