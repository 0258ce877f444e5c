"""What does a fault do to a VIP, in owners and milliseconds?"""

from __future__ import annotations

from itertools import pairwise
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Sequence

    from rehearse.model.run import Held


class Phase(NamedTuple):
    """What a fault or its end does to a VIP: its owners at the end, those that serve, the times in ms, the moves.

    ``without``: no node that can be reached holds it. ``two``: several do. ``lost``: none whose service is well.
    Times that last until the end of the phase are in ``owners``. ``last`` is when the owners changed last, in ms from
    its begin. ``settled`` is false where it never comes to rest. ``log``: who held it since when (ms).
    """

    owners: tuple[int, ...]
    serving: tuple[int, ...]
    without: int
    two: int
    lost: int
    moves: int
    last: int
    settled: bool
    log: tuple[Held, ...] = ()


class Outcome(NamedTuple):
    """What becomes of a virtual router: its owners before, and after a fault and its end, soonest and latest."""

    before: tuple[int, ...]
    soonest: Phase
    latest: Phase
    mended_soonest: Phase
    mended_latest: Phase
    could: tuple[int, ...]  # nodes that could serve while the fault lasts


def between(phases: Sequence[Phase]) -> tuple[Phase, Phase]:
    """Return the least and the most of phases that may all be, the first is that of the latest moment.

    Where the owners depend on the moment, those of the least are others than those of the most.
    """
    other = next((it for it in phases[::-1] if it.owners != phases[0].owners), phases[-1])
    settled = all(it.settled for it in phases)
    least, most = (
        it._replace(
            without=pick(phase.without for phase in phases),
            two=pick(phase.two for phase in phases),
            lost=pick(phase.lost for phase in phases),
            moves=pick(phase.moves for phase in phases),
            last=pick(phase.last for phase in phases),
            settled=settled,
        )
        for pick, it in ((min, other), (max, phases[0]))
    )
    return least, most


class Asked(NamedTuple):
    """What a client noticed in a phase: requests sent and lost, and times in ms.

    ``two``: several nodes said to have the VIP. ``wrong``: the client sent to a node that did not hold it.
    At the end of the phase: ``is_silent``: no request was answered; ``is_wrong``: the client sent to the wrong node.
    ``is_late``: the machine was too busy: it sent less than half of the requests, or took twice as long as planned.
    """

    sent: int
    lost: int
    two: int
    wrong: int
    is_silent: bool
    is_wrong: bool
    is_late: bool = False


class Behind(NamedTuple):
    """A real server that a fault hits: in how many ms it gets no connections any more, and after the fault some again.

    None where that does not happen. ``service`` is the virtual server, as ADDRESS:PORT; ``others`` of it get some while
    the fault lasts.
    """

    service: str
    name: str
    gone: int | None
    back: int | None
    others: int


class Noticed(NamedTuple):
    """What a client noticed before a fault, while it lasted, and after its end."""

    before: Asked
    during: Asked
    after: Asked


def measured(log: list[Held], begun: int, end: int, *, settled: bool) -> Phase:
    """Return what a log says of the time from ``begun`` on; what lasts until the end is no interval."""
    without = two = lost = 0
    ends = [*(it.time for it in log[1:]), end]
    for number, (held, until) in enumerate(zip(log, ends, strict=True)):
        start = max(held.time, begun)
        if until > start and number < len(log) - 1:
            without += (not held.owners) * (until - start)
            two += (len(held.owners) > 1) * (until - start)
            lost += (not held.serving) * (until - start)
    owned = [it.owners for it in log if it.owners]
    moves = sum(one != other for one, other in pairwise(owned) if len(other) == 1)
    last = max(0, log[-1].time - begun)
    since = tuple(it._replace(time=max(0, it.time - begun)) for it in log)
    return Phase(log[-1].owners, log[-1].serving, without, two, lost, moves, last, settled, since)
