"""In which order did the events of a node happen, and when, although its clock stepped?

Between two boots CLOCK_BOOTTIME orders them. Where wall clock and CLOCK_BOOTTIME go apart by more than NTP can slew,
the wall clock was stepped: it is taken to be right after its last step, and what came before is corrected.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable

    from vipwarden.events.event import Event

STEP = 0.2  # seconds: less is no step
SLEW = 1e-3  # twice what the kernel slews (500 ppm)


def ordered(events: Iterable[Event]) -> list[Event]:
    """Return the events of one node in their order; boots are in the order of their first events."""
    boots: dict[str, int] = {}
    return sorted(events, key=lambda event: (boots.setdefault(event.bid, len(boots)), event.boot))


def corrected(events: list[Event]) -> list[Event]:
    """Return ordered events after setting the ``time`` of each by the clock as it was after its last step.

    Within a boot no time is after that of the next event, as a slewed clock must not change the order.
    """
    correction = 0.0
    after: Event | None = None
    for event in reversed(events):
        if after is None or after.bid != event.bid:
            correction = 0.0
        else:
            correction += step(event, after)
        event.time = event.wall + correction
        if after is not None and after.bid == event.bid:
            event.time = min(event.time, after.time)
        after = event
    return events


def step(event: Event, after: Event) -> float:
    """Return by how many seconds the wall clock was stepped between two events of a boot, 0 where it was not."""
    passed = after.boot - event.boot
    apart = (after.wall - event.wall) - passed
    return apart if abs(apart) > STEP + SLEW * passed else 0.0
