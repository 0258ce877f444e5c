"""Does the record of events explain what happened, although the clocks of the nodes are seconds apart?

The nodes of a guest share its clock, so that the truth is known. Before their events are merged the clock of each node
is set ahead of that of the node before, as if it had been so in the scenario.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from vipwarden.core.result import one_line
from vipwarden.events.explain import MASTER, chains, said
from vipwarden.events.merge import merged

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from vipwarden.events.clocks import Offset
    from vipwarden.events.event import Event
    from vipwarden.events.explain import Chain

APART = 3.0  # seconds between the clocks of two nodes
_NEAR = 0.15  # seconds within which the order of two nodes says nothing
_ROUNDED = 1.1  # seconds by which an event of HAProxy may be dated too early


class Explained(NamedTuple):
    """The first chain after the fault in a few words, and what is wrong with the record."""

    words: str
    problem: str


def explained(records: Mapping[str, Sequence[Event]], fault: float) -> Explained:
    """Judge the events of each node; ``fault`` is the monotonic time of what broke."""
    for place, events in enumerate(records.values()):
        for event in events:
            event.wall += place * APART
    whole, offsets = merged(list(records.values()))
    found = [chain for chain in chains(whole) if _change(chain).mono > fault]
    wrong = [f"the record has {said(event)}" for event in whole if event.kind == "events"]
    wrong += _disorder(whole, offsets)
    wrong += [words for chain in found if (words := _false_cause(chain, fault))]
    if wrong:
        record = [f"{event.time:.2f} (in truth {event.mono:.2f}) {event.node} {said(event)}" for event in whole[-80:]]
        wrong += [f"{node}: {offset}" for node, offset in offsets.items()] + record
    return Explained(_words(found[0]) if found else "", "\n".join(wrong))


def _disorder(whole: Sequence[Event], offsets: Mapping[str, Offset | None]) -> list[str]:
    """Say which events of two nodes stand in a wrong order, beyond the error that is admitted."""
    latest: dict[str, Event] = {}
    for event in whole:
        offset = offsets[event.node]
        if offset is None:  # and it is said that this clock is not compared
            continue
        for other in latest.values():
            if other.mono - event.mono > offset.error + (offsets[other.node] or offset).error + _NEAR:
                late = other.mono - event.mono
                return [f"{said(event)} at {event.node} was {late:.2f} s before {said(other)} at {other.node}"]
        if event.node not in latest or event.mono > latest[event.node].mono:
            latest[event.node] = event
    return []


def _false_cause(chain: Chain, fault: float) -> str:
    """Say what is wrong with the first event of a chain, if anything is."""
    first = chain.events[0]
    early = _ROUNDED if first.kind == "haproxy" else _NEAR
    if first.mono < fault - early:
        return f"the cause is {said(first)} at {first.node}, {fault - first.mono:.2f} s before the fault"
    return ""


def _change(chain: Chain) -> Event:
    """Return the first change of MASTER of a chain, with which it begins but for causes."""
    return next(it for it in chain.events if it.kind == "vrrp" and MASTER in (it.state, it.before))


def _words(chain: Chain) -> str:
    first = chain.events[0]
    cause = f"{first.node} {first.kind} {one_line(first.name, 30)} {first.state}"
    change = next((it for it in chain.events if it.kind == "vrrp" and it.state == MASTER), _change(chain))
    return f"{cause} -> {change.node} {change.state} +{max(0.0, change.time - first.time):.1f} s"
