"""What becomes of the VIPs of one part when faults come, and when they are mended?

Each fault comes twice: at the moment when keepalived learns of it last and its peer has just heard an advert, and at
the moment when keepalived learns of it first and the next advert is due. The truth lies between the two.
"""

from __future__ import annotations

from functools import partial
from itertools import product
from typing import TYPE_CHECKING, Any

from rehearse.model.acts import APART, begin, delay, end, lates
from rehearse.model.cluster import INTERFACE
from rehearse.model.faults import DEAF, START
from rehearse.model.measure import Outcome, between, measured
from rehearse.model.nodes import start
from rehearse.model.run import Run
from rehearse.model.sync import MASTER

if TYPE_CHECKING:
    from collections.abc import Callable

    from rehearse.model.acts import Late
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
        self._rests: dict[tuple[Fault, Late] | None, State] = {None: self._rest()}

    def outcomes(self, fault: Fault) -> list[Outcome]:
        """Return what becomes of each virtual router, in the order of their first instances."""
        if fault.kind == START:
            return [Outcome((), it, it, it, it, fault.nodes) for it in self.begun]
        phases = [self._broken(None, fault, late) for late in lates(fault)]
        return self._outcomes(phases, self._rests[None][1], tuple(self._healthy(fault)))

    def outcomes_of_two(self, first: Fault, second: Fault) -> list[Outcome]:
        """Return what becomes of them when the second fault comes while the first lasts; both end at one moment.

        ``before`` is what the first has left behind.
        """
        phases = []
        for before in product([first], lates(first)):
            if before not in self._rests:
                self.run.load(self._rests[None][0])
                self._phase(lambda: begin(self.run, *before), *before)  # noqa: B023 - called at once
                self._rests[before] = self._rest()
            phases += [self._broken(before, second, late) for late in lates(second)]
        could = tuple(it for it in self._healthy(first) if it in self._healthy(second))
        return self._outcomes(phases, self._rests[first, lates(first)[0]][1], could)

    def _outcomes(
        self, phases: list[tuple[list[Phase], list[Phase]]], before: list[Held], could: tuple[int, ...]
    ) -> list[Outcome]:
        hit, back = ([between(column) for column in zip(*every, strict=True)] for every in zip(*phases, strict=True))
        return [Outcome(held.owners, *hit[it], *back[it], could) for it, held in enumerate(before)]

    def _broken(self, before: tuple[Fault, Late] | None, fault: Fault, late: Late) -> tuple[list[Phase], list[Phase]]:
        """Return what a fault does, and its end together with that of the fault before it."""
        run = self.run
        run.load(self._rests[before][0])
        hit = self._phase(lambda: begin(run, fault, late), fault, late)
        run.until_advert()

        def mend() -> None:
            if before is None:
                end(run, fault, late)
                return
            for one, its_late in ((fault, late), before):  # who is first may count
                run.at(run.now + APART * bool(its_late), partial(end, run, one, its_late))

        return hit, self._phase(mend, fault, late, is_end=True)

    def _rest(self) -> State:
        self.run.until_advert()
        return self.run.save(), [self.run.log[it][-1] for it in self.virtual]

    def _phase(self, act: Callable[[], None], fault: Fault, late: Late, *, is_end: bool = False) -> list[Phase]:
        """Act so that keepalived learns of it just after an advert, or just before the next."""
        run = self.run
        masters = [it for it in run.routers if it.state == MASTER]
        interval = masters[0].spec.interval if masters else 1000
        after = delay(self.cluster, fault, fault.nodes[0], late, mend=is_end)
        is_late = fault.nodes[0] in late
        begun = run.now + (-after % interval if is_late else (interval - 1 - after) % interval)
        run.at(begun, act)
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
