"""What becomes of the VIPs of one part when a fault comes, and when it is mended?

Each fault comes twice: at the moment when keepalived learns of it last and its peer has just heard an advert, and at
the moment when keepalived learns of it first and the next advert is due. The truth lies between the two.
"""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

from rehearse.model.cluster import FILE, INTERFACE, PROCESS, SCRIPT
from rehearse.model.faults import DEAF, FREEZE, HANG, KILL, POWER, START, STOP
from rehearse.model.measure import Outcome, measured
from rehearse.model.nodes import die, freeze, live, start, stop, thaw
from rehearse.model.router import MASTER
from rehearse.model.run import Run
from rehearse.model.trackers import change

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from rehearse.model.cluster import Cluster, Link
    from rehearse.model.faults import Fault
    from rehearse.model.measure import Phase
    from rehearse.model.parts import Part

_FAILED = 1  # what a track file says
_LOWEST = 254  # and one whose values are priorities


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
        self.run.until_advert()
        self.before = [self.run.log[it][-1] for it in self.virtual]
        self.saved = self.run.save()

    def outcomes(self, fault: Fault) -> list[Outcome]:
        """Return what becomes of each virtual router, in the order of their first instances."""
        if fault.kind == START:
            return [Outcome((), it, it, it, it, fault.nodes) for it in self.begun]
        late = self._once(fault, latest=True)
        soon = self._once(fault, latest=False)
        could = tuple(self._healthy(fault))
        return [
            Outcome(before.owners, soon[0][it], late[0][it], soon[1][it], late[1][it], could)
            for it, before in enumerate(self.before)
        ]

    def _once(self, fault: Fault, *, latest: bool) -> tuple[list[Phase], list[Phase]]:
        run = self.run
        run.load(self.saved)
        hit = self._phase(lambda: self._break(fault, latest=latest), self._delay(fault, latest=latest), latest=latest)
        run.until_advert()
        back = self._delay(fault, latest=latest, mend=True)
        mended = self._phase(lambda: self._mend(fault, latest=latest), back, latest=latest)
        return hit, mended

    def _phase(self, act: Callable[[], None], delay: int, *, latest: bool) -> list[Phase]:
        """Act so that keepalived learns of it just after an advert, or just before the next."""
        run = self.run
        masters = [it for it in run.routers if it.state == MASTER]
        interval = masters[0].spec.interval if masters else 1000
        wait = -delay % interval if latest else (interval - 1 - delay) % interval
        begun = run.now + wait
        run.at(begun, act)
        for log in run.log.values():
            del log[:-1]
        settled = run.settle()
        return [measured(run.log[it], begun, run.now, settled=settled) for it in self.virtual]

    def _delay(self, fault: Fault, *, latest: bool, mend: bool = False) -> int:
        """Return after how many ms keepalived learns of a fault of this kind."""
        node = self.cluster.nodes[fault.nodes[0]]
        if fault.tracker == SCRIPT and fault.name in node.scripts:
            script = node.scripts[fault.name]
            runs = script.rise if mend else script.fall
            hangs = script.timeout if fault.kind == HANG and not mend else 0
            return (runs - (not latest)) * script.interval + hangs
        return node.processes.get(fault.name, 0) if fault.tracker == PROCESS else 0

    def _break(self, fault: Fault, *, latest: bool) -> None:
        run, (first, *others) = self.run, fault.nodes
        if fault.tracker:
            for node in fault.nodes:
                self._set((node, fault.tracker, fault.name), self._delay(fault, latest=latest), broken=True)
        elif fault.kind == DEAF:
            run.deaf = {(first, others[0], fault.name)} | ({(others[0], first, fault.name)} if fault.both else set())
        elif fault.kind == POWER:
            die(run, first)
        elif fault.kind == FREEZE:
            freeze(run, first)
        else:
            stop(run, first, says=fault.kind == STOP, keeps=fault.kind == KILL)

    def _mend(self, fault: Fault, *, latest: bool) -> None:
        run, first = self.run, fault.nodes[0]
        if fault.tracker:
            delay = self._delay(fault, latest=latest, mend=True)
            for node in fault.nodes:
                self._set((node, fault.tracker, fault.name), delay, broken=False)
        elif fault.kind == DEAF:
            run.deaf = set()
        elif fault.kind == POWER:
            live(run, first)
        elif fault.kind == FREEZE:
            thaw(run, first)
        else:
            start(run, {first})

    def _set(self, key: tuple[int, str, str], delay: int, *, broken: bool) -> None:
        value = int(not broken)
        if key[1] == FILE:
            value = file_value([link for _, link in self.run.tracked.get(key, ())]) if broken else 0
        change(self.run, key, value, delay=delay)

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


def file_value(entries: Sequence[Link]) -> int:
    """Return the value that a track file has for a failure: the lowest priority where its weight is 1 or -1."""
    weights = [it.weight for it in entries]
    factor = next((weight for weight in weights if abs(weight) == 1), 0)
    return -_LOWEST * factor if factor else _FAILED
