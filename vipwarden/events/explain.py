"""Why did a VIP move, and how long were clients without? Events grouped into chains, the cause first.

A chain is what surrounds a change of MASTER: the trouble that came shortly before it on the node that lost it, and what
followed on any node until nothing related came any more.
"""

from __future__ import annotations

from time import localtime, strftime
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from vipwarden.events.event import Event

_BEFORE = 15.0  # seconds from a cause to the change of MASTER: three adverts of 4 s, and a few bad runs
_AFTER = 5.0  # seconds from one consequence to the next
MASTER = "MASTER"
_GOOD = ("OK", "WARNING")
_CAUSES = ("agent", "check", "handover", "maintenance", "recorder", "restart", "vip")


class Chain(NamedTuple):
    """Events that belong together, by time; ``without`` is for how many seconds no node served, None if unknown."""

    events: list[Event]
    without: float | None

    @property
    def instances(self) -> list[str]:
        """The names of the VRRP instances that changed."""
        return sorted({event.name for event in self.events if _is_master_change(event)})


def chains(events: Sequence[Event]) -> list[Chain]:
    """Return the chains among events that stand in the order of their times."""
    found: list[list[Event]] = []
    end = -1
    for place, event in enumerate(events):
        if place < end or not _is_master_change(event):
            continue
        start = _first_cause(events, place, end)
        chain = [it for it in events[start:place] if _is_cause(it)]
        end = _last(events, place)
        chain += [it for it in events[place:end] if _belongs(it)]
        found.append(chain)
    return [Chain(chain, _without(chain)) for chain in found]


def _is_master_change(event: Event) -> bool:
    return event.kind == "vrrp" and event.of == "INSTANCE" and (event.state == MASTER) is not (event.before == MASTER)


def _first_cause(events: Sequence[Event], place: int, earliest: int) -> int:
    """Return the place of the first cause before a change of MASTER; events before ``earliest`` have another effect."""
    first = place
    for at in range(place - 1, max(earliest, 0) - 1, -1):
        if events[place].time - events[at].time > _BEFORE:
            break
        if _is_cause(events[at]):
            first = at
    return first


def _is_cause(event: Event) -> bool:
    if event.kind == "check":
        return event.state not in _GOOD or event.before not in (*_GOOD, "")
    if event.kind == "vrrp":
        return event.state in ("FAULT", "STOP", "DELETED")
    return event.kind in _CAUSES


def _last(events: Sequence[Event], place: int) -> int:
    """Return the place behind the last consequence."""
    end, last = place + 1, events[place].time
    for at in range(place + 1, len(events)):
        if events[at].time - last > _AFTER:
            break
        if events[at].kind in ("vrrp", "vip"):
            end, last = at + 1, events[at].time
    return end


def _belongs(event: Event) -> bool:
    return event.kind in ("vrrp", "vip") or _is_cause(event)


def _without(chain: Iterable[Event]) -> float | None:
    """Return the seconds from the first failure of a check, or the loss of the VIP, until the VIP was held again."""
    lost: float | None = None
    without: float | None = None
    for event in chain:
        is_bad = event.kind == "check" and event.state not in _GOOD
        if (is_bad or (event.kind == "vip" and event.state == "gone")) and lost is None:
            lost = event.time
        elif event.kind == "vip" and event.state == "held":
            without = 0.0 if lost is None else event.time - lost
    return without


def as_text(chain: Chain) -> Iterator[str]:
    """Yield the lines of a chain: its cause with the time, and then how many seconds later each event was."""
    first = chain.events[0]
    for event in chain.events:
        when = clock(event.time) if event is first else f"+{max(0.0, event.time - first.time):.2f} s"
        yield f"{when:>12}  {event.node:<12} {said(event)}"
    if chain.without is not None:
        yield f"{'':>12}  {', '.join(chain.instances)}: clients were without for about {chain.without:.1f} s"


def said(event: Event) -> str:
    """Return an event in words."""
    name = f"{event.of} {event.name}" if event.of and event.kind in ("vrrp", "vip") else event.name
    change = f"{event.before} -> {event.state}" if event.before else event.state
    text = f": {event.text}" if event.text else ""
    return f"{event.kind} {name} {change}{text}"


def clock(time: float) -> str:
    """Return the time of day on this machine, to milliseconds."""
    whole = int(time * 1000) / 1000
    return f"{strftime('%H:%M:%S', localtime(whole))}.{int(whole * 1000) % 1000:03d}"
