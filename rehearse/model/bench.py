"""What becomes of the VIPs of one part when faults come, and when they are mended?

Each fault comes twice: at the moment when keepalived learns of it last and its peer has just heard an advert, and at
the moment when keepalived learns of it first and the next advert is due. The truth lies between the two.
"""

from __future__ import annotations

from functools import partial
from itertools import product
from typing import TYPE_CHECKING, Any

from rehearse.model.acts import begin, delay, end
from rehearse.model.cluster import INTERFACE
from rehearse.model.faults import DEAF, START
from rehearse.model.measure import Outcome, between, measured
from rehearse.model.nodes import start
from rehearse.model.router import MASTER
from rehearse.model.run import Run

if TYPE_CHECKING:
    from collections.abc import Callable

    from rehearse.model.cluster import Cluster
    from rehearse.model.faults import Fault
    from rehearse.model.measure import Phase
    from rehearse.model.parts import Part
    from rehearse.model.run import Held

    State = tuple[tuple[Any, ...], list[Held]]


class Bench:
    """A part at rest, which each fault hits anew."""

    def __init__(self, cluster: Cluster, part: Part, gap: int) -> None:
        self.cluster = cluster
        self.run = Run(cluster, part)
        for node in range(len(cluster.nodes)):
            self.run.at(node * gap, partial(start, self.run, {node}))
        settled = self.run.settle()
        self.virtual = list(dict.fromkeys(self.run.virtual.values()))
        self.begun = [measured(self.run.log[it], 0, self.run.now, settled=settled) for it in self.virtual]
        self._rests: dict[tuple[Fault | None, bool], State] = {(None, True): self._rest()}

    def outcomes(self, fault: Fault) -> list[Outcome]:
        """Return what becomes of each virtual router, in the order of their first instances."""
        if fault.kind == START:
            return [Outcome((), it, it, it, it, fault.nodes) for it in self.begun]
        (_, before), could = self._rests[None, True], tuple(self._healthy(fault))
        late = self._once(None, fault, latest=True)
        soon = self._once(None, fault, latest=False)
        return [
            Outcome(held.owners, soon[0][it], late[0][it], soon[1][it], late[1][it], could)
            for it, held in enumerate(before)
        ]

    def outcomes_of_two(self, first: Fault, second: Fault) -> list[Outcome]:
        """Return what becomes of them when the second fault comes while the first lasts; both end at one moment.

        ``before`` is what the first has left behind.
        """
        could = tuple(it for it in self._healthy(first) if it in self._healthy(second))
        begun, hit, back = [], [], []
        for was_late, latest in product((True, False), repeat=2):
            if (first, was_late) not in self._rests:
                self._load(None, latest=True)
                self._phase(lambda late: begin(self.run, first, latest=late), first, latest=was_late)
                self._rests[first, was_late] = self._rest()
            begun.append(self._rests[first, was_late][1])
            one, other = self._once(first, second, latest=latest, was_late=was_late)
            hit.append(one)
            back.append(other)
        return [
            Outcome(begun[0][it].owners, *between(_column(hit, it)), *between(_column(back, it)), could)
            for it in range(len(self.virtual))
        ]

    def _once(
        self, before: Fault | None, fault: Fault, *, latest: bool, was_late: bool = True
    ) -> tuple[list[Phase], list[Phase]]:
        """Return what a fault does, and its end together with that of the fault before it."""
        run = self.run
        self._load(before, latest=was_late)
        hit = self._phase(lambda late: begin(run, fault, latest=late), fault, latest=latest)
        run.until_advert()

        def mend(late: bool) -> None:
            end(run, fault, latest=late)
            if before is not None:
                end(run, before, latest=late)

        return hit, self._phase(mend, fault, latest=latest, is_end=True)

    def _rest(self) -> State:
        self.run.until_advert()
        return self.run.save(), [self.run.log[it][-1] for it in self.virtual]

    def _load(self, before: Fault | None, *, latest: bool) -> None:
        self.run.load(self._rests[before, latest][0])

    def _phase(self, act: Callable[[bool], None], fault: Fault, *, latest: bool, is_end: bool = False) -> list[Phase]:
        """Act so that keepalived learns of it just after an advert, or just before the next."""
        run = self.run
        masters = [it for it in run.routers if it.state == MASTER]
        interval = masters[0].spec.interval if masters else 1000
        after = delay(self.cluster, fault, latest=latest, mend=is_end)
        begun = run.now + (-after % interval if latest else (interval - 1 - after) % interval)
        run.at(begun, partial(act, latest))
        for log in run.log.values():
            del log[:-1]
        settled = run.settle()
        return [measured(run.log[it], begun, run.now, settled=settled) for it in self.virtual]

    def _healthy(self, fault: Fault) -> list[int]:
        """Return the nodes that could serve the VIPs while the fault lasts."""
        nodes = sorted({it.node for it in self.run.routers})
        if fault.kind == DEAF or (fault.tracker and not self._concerns(fault)):
            return nodes
        return [node for node in nodes if node not in fault.nodes]

    def _concerns(self, fault: Fault) -> bool:
        return any((node, fault.tracker, fault.name) in self.run.service for node in fault.nodes) or (
            fault.tracker == INTERFACE
        )


def _column(phases: list[list[Phase]], number: int) -> list[Phase]:
    return [it[number] for it in phases]
