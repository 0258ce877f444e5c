"""For how long were clients without a VIP? From when its last node lost it until a node held it again."""

from __future__ import annotations

from math import inf
from typing import TYPE_CHECKING

from vipwarden.events.event import GONE, HELD

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from vipwarden.events.event import Event

_SERVES = ("check", "haproxy", "process")  # kinds whose trouble ends the service before the VIP leaves


class Gap:
    """A time in which no node held a VIP: from its loss until ``taken``, which is None where nobody took it."""

    def __init__(self, lost: Event) -> None:
        self.lost = lost
        self.taken: Event | None = None
        self.begin = lost.time

    @property
    def seconds(self) -> float:
        """How long it was, infinite where nobody took the VIP."""
        return inf if self.taken is None else max(0.0, self.taken.time - self.begin)


def gaps(events: Sequence[Event]) -> list[Gap]:
    """Return the gaps among events in the order of their times.

    None where the record is of one node alone: another may have held the VIP.
    """
    found: list[Gap] = []
    holders: dict[str, set[str]] = {}
    lost: dict[str, Gap] = {}
    for event in events:
        if event.kind != "vip":
            continue
        nodes = holders.setdefault(event.name, set())
        if event.state == HELD:
            nodes.add(event.node)
            if (gap := lost.pop(event.name, None)) is not None:
                gap.taken = event
        elif event.state == GONE:
            nodes.discard(event.node)
            if not nodes and event.name not in lost:
                found.append(gap := Gap(event))
                lost[event.name] = gap
    return found if len({event.node for event in events}) > 1 else []


def without(chain: Sequence[Event], causes: Sequence[Event], found: Iterable[Gap]) -> float | None:
    """Return for how many seconds clients were without a VIP that moved in a chain, None if that is unknown.

    Trouble of the node that lost it, among the causes, ends the service before the VIP leaves.
    """
    inside = set(chain)
    mine = [gap for gap in found if gap.lost in inside or gap.taken in inside]
    for gap in mine:
        gap.begin = _begin(gap.lost, gap.begin, causes)
    if mine:
        return max(gap.seconds for gap in mine)
    taken = next((it for it in chain if it.kind == "vip" and it.state == HELD != it.before), None)
    if taken is None:
        return None
    # by what else shows that another node had it: it has left MASTER, or has lost its VIP later
    lost = next((it for it in chain if it.node != taken.node and _is_loss(it)), None)
    return None if lost is None else max(0.0, taken.time - _begin(lost, min(lost.time, taken.time), causes))


def _begin(lost: Event, time: float, causes: Iterable[Event]) -> float:
    """Return when the service ended, before its node lost the VIP at a time."""
    return min([time, *(it.time for it in causes if it.node == lost.node and it.kind in _SERVES)])


def _is_loss(event: Event) -> bool:
    return event.state == GONE if event.kind == "vip" else event.kind == "vrrp" and event.before == "MASTER"
