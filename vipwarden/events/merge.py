"""In which order did the events of several nodes happen, and by how much were their clocks corrected for that?"""

from __future__ import annotations

from typing import TYPE_CHECKING

from vipwarden.core.result import one_line
from vipwarden.events.clocks import Offset
from vipwarden.events.drift import apart
from vipwarden.events.order import corrected, ordered

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Mapping, Sequence

    from vipwarden.events.event import Event


_MOST_NODES = 16  # whose clocks are compared


def merged(nodes: Sequence[Iterable[Event]]) -> tuple[list[Event], dict[str, Offset | None]]:
    """Return the events of nodes in one order, and the offsets that their times were corrected by.

    The clock of the first node is the reference. Without an event that both saw the offset is None, and 0 is taken.
    """
    whole: list[Event] = []
    offsets: dict[str, Offset | None] = {}
    for name, events in _by_node(nodes).items():
        if not offsets:
            offsets[name] = Offset(0.0, 0.0, 0)
        else:
            offsets[name] = apart(whole, events) if len(offsets) < _MOST_NODES else None
        whole += events
        if len(offsets) < _MOST_NODES:
            whole.sort(key=lambda event: event.time)
    whole.sort(key=lambda event: event.time)
    return whole, offsets


def _by_node(nodes: Sequence[Iterable[Event]]) -> dict[str, list[Event]]:
    """Return the events of each node in their order, with their times corrected for steps of its own clock."""
    found: dict[str, dict[object, Event]] = {}
    for events in nodes:
        parts: dict[str, dict[object, Event]] = {}
        for event in events:
            parts.setdefault(event.node, {}).setdefault(identity(event), event)
        for name, part in parts.items():
            own = _own_name(name, part.values(), found)
            for key, event in part.items():
                event.node = own
                found.setdefault(own, {}).setdefault(key, event)
    return {name: corrected(ordered(events.values())) for name, events in found.items()}


def identity(event: Event) -> object:
    """Return what no other event of its node has."""
    return event.bid, event.boot, event.pid, event.n


def _own_name(name: str, events: Collection[Event], known: Mapping[str, Mapping[object, Event]]) -> str:
    """Return a name that no other node has: one that ran at the same time by another boot is another node."""
    own, number = name, 1
    while own in known and _are_two(known[own].values(), events):
        number += 1
        own = f"{name} ({number})"
    return own


def _are_two(some: Collection[Event], others: Collection[Event]) -> bool:
    if not {event.bid for event in some}.isdisjoint(event.bid for event in others):
        return False
    first, second = ([event.wall for event in events] for events in (some, others))
    return min(first) <= max(second) and min(second) <= max(first)


def about(offsets: Mapping[str, Offset | None]) -> list[str]:
    """Say by how much the clocks were corrected."""
    lines = []
    names = {node: one_line(node, 60) for node in offsets}
    first = next(iter(names.values()), "")
    for node, offset in list(offsets.items())[1:_MOST_NODES]:
        if offset is None:
            why = "the record has no change of MASTER or of a VIP that both saw within a day of their clocks"
            lines.append(f"{names[node]}: its clock is not compared with that of {first}: {why}")
        else:
            lines.append(
                f"{names[node]}: its clock is {_ahead(offset)} that of {first}, give or take {offset.error:.2f} s,"
                f" by {offset.pairs} changes that both saw; corrected"
            )
    if len(offsets) > _MOST_NODES:
        lines.append(f"{len(offsets) - _MOST_NODES} more nodes: their clocks are not compared with that of {first}")
    return lines


def _ahead(offset: Offset) -> str:
    word = "ahead of" if offset.seconds > 0 else "behind"
    if offset.last is None:
        return f"{abs(offset.seconds):.2f} s {word}"
    then = "ahead of" if offset.last > 0 else "behind"
    return f"{abs(offset.seconds):.2f} s {word}, and at the end {abs(offset.last):.2f} s {then}"
