"""Why did a VIP move, and how long were clients without? Events grouped into chains, the cause first.

A chain is what surrounds a change of MASTER: what came shortly before and may have caused it, and what followed until
nothing related came any more.
"""

from __future__ import annotations

from math import inf
from time import localtime, strftime
from typing import TYPE_CHECKING, NamedTuple

from vipwarden.events.event import HELD
from vipwarden.events.outage import gaps, without

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from vipwarden.events.event import Event

BEFORE = 15.0  # seconds from a cause to the change of MASTER: three adverts of 4 s, and a few bad runs
_AFTER = 5.0  # seconds from one consequence to the next
_SOON = 0.5  # seconds after which trouble, or its end, is no part of what has settled
_LASTING = ("process", "restart")  # a daemon that has ended has done its harm, although another has started since
_MOVES = ("vrrp", "vip")
MASTER = "MASTER"
_GOOD = ("OK", "WARNING")
_FAILED = ("FAULT", "STOP", "DELETED")
_WORSE = {
    "agent": ("stall", "stop"),
    "dampening": ("held down",),
    "handover": ("begin",),
    "maintenance": ("begin",),
    "panic": ("begin",),
    "process": ("ended",),
    "restart": ("restart",),
    "source": ("failed",),
    "vip": ("gone",),
}


class Chain(NamedTuple):
    """Events that belong together, by time.

    ``without`` is for how many seconds no node served: None if unknown, infinite where no node ever did again.
    """

    events: list[Event]
    without: float | None

    @property
    def instances(self) -> list[str]:
        """The names of the VRRP instances that changed."""
        return sorted({event.name for event in self.events if _is_master_change(event)})


def chains(events: Sequence[Event]) -> list[Chain]:
    """Return the chains among events that stand in the order of their times."""
    found: list[Chain] = []
    lost = gaps(events)
    states: dict[str, dict[str, str]] = {}  # of each instance at each node
    for event in events:
        if event.kind == "vrrp" and event.of == "INSTANCE":
            states.setdefault(event.name, {})[event.node] = ""  # not known yet
    end = 0
    for place, event in enumerate(events):
        if place >= end and _is_master_change(event):
            causes = _causes(events[end:place], event, states[event.name])
            end = _last(events, place)
            chain = causes + [it for it in events[place:end] if _belongs(it)]
            found.append(Chain(chain, without(chain, causes, lost)))
        if event.kind == "vrrp" and event.of == "INSTANCE":
            states[event.name][event.node] = event.state
    return found


def _causes(events: Sequence[Event], change: Event, states: Mapping[str, str]) -> list[Event]:
    """Return what may have caused a change of MASTER, of the events before it; ``states`` are those of the instance.

    Trouble that was over by then has not, nor what came some time before the first of those that follow each other.
    """
    causes: list[Event] = []
    over: set[tuple[str, ...]] = set()
    for event in reversed(events):
        if change.time - event.time > BEFORE:
            break
        of_what = event.node, event.kind, event.of, event.name
        if of_what not in over and _may_cause(event, change, states):
            if causes and causes[-1].time - event.time > _AFTER:
                break
            causes.append(event)
        elif event.kind not in _LASTING and (event.kind != "check" or is_trouble(event) is not None):
            over.add(of_what)
    return causes[::-1]


def _is_master_change(event: Event) -> bool:
    return event.kind == "vrrp" and event.of == "INSTANCE" and (event.state == MASTER) is not (event.before == MASTER)


def _may_cause(event: Event, change: Event, states: Mapping[str, str]) -> bool:
    """Return whether an event may have caused a change of MASTER.

    A node loses it by its own trouble, or as another recovers; a node gains it by the trouble of the MASTER, or
    recovers. A node that fails does that by itself. A node without the instance has nothing to do with it.
    """
    trouble = is_trouble(event)
    is_own, gains = event.node == change.node, change.state == MASTER
    if not is_own:
        if event.node not in states or change.state in _FAILED:
            return False
        if trouble and states[event.node] not in ("", MASTER):
            return False
    return trouble is not None and trouble is (is_own is not gains)


def is_trouble(event: Event) -> bool | None:
    """Return whether an event makes its node worse or, as False, better; None where it does neither."""
    if event.kind == "check":
        was, now = event.before in (*_GOOD, ""), event.state in _GOOD
        return None if was is now else was
    if event.kind == "vrrp":
        return True if event.state in _FAILED else False if event.before in _FAILED else None
    if event.kind == "haproxy":  # one server of many moves no VIP
        down = event.of == "backend" and "DOWN" in (event.state, event.before)
        return event.state == "DOWN" if down else None
    if event.kind == "source" and event.of:  # a collector of the exporter, whose user causes nothing
        return None
    if event.kind == "maintenance" and event.state == "end":
        return False
    return True if event.state in _WORSE.get(event.kind, ()) else None


def _last(events: Sequence[Event], place: int) -> int:
    """Return the place behind the last consequence; once a node is MASTER a later cause begins another chain."""
    end, last, is_settled = place + 1, events[place].time, False
    for at in range(place, len(events)):
        event = events[at]
        is_move = event.kind in _MOVES
        is_cause = not is_move and is_trouble(event) is not None
        if event.time - last > (_SOON if is_settled and is_cause else _AFTER):
            break
        if is_move:
            end, last = at + 1, event.time
            is_settled = is_settled or event.state in (MASTER, HELD)
    return end


def _belongs(event: Event) -> bool:
    return event.kind in _MOVES or is_trouble(event) is not None


def as_text(chain: Chain) -> Iterator[str]:
    """Yield the lines of a chain: its cause with the time, and then how many seconds later each event was."""
    first = chain.events[0]
    for event in chain.events:
        when = clock(event.time) if event is first else f"+{max(0.0, event.time - first.time):.2f} s"
        yield f"{when:>12}  {event.node:<12} {said(event)}"
    if chain.without is not None:
        words = f"were without for about {chain.without:.1f} s"
        if chain.without == inf:
            words = "are without since then: no node has taken the VIP in this record"
        yield f"{'':>12}  {', '.join(chain.instances)}: clients {words}"


def said(event: Event) -> str:
    """Return an event in words."""
    name = f"{event.of} {event.name}" if event.of and event.kind in _MOVES else event.name
    change = f"{event.before} -> {event.state}" if event.before else event.state
    text = f": {event.text}" if event.text else ""
    return " ".join(filter(None, (event.kind, name if name != event.kind else "", change))) + text


def clock(time: float) -> str:
    """Return the time of day on this machine, to milliseconds."""
    whole = int(time * 1000) / 1000
    return f"{strftime('%H:%M:%S', localtime(whole))}.{int(whole * 1000) % 1000:03d}"
