"""What becomes of each VIP, from what was seen on a stage?"""

from __future__ import annotations

from operator import itemgetter
from typing import TYPE_CHECKING, Any

from rehearse.model.cluster import INTERFACE, written
from rehearse.model.faults import DEAF, SCRIPT_ALONE, UNKNOWN
from rehearse.model.measure import Outcome, Phase, measured
from rehearse.model.parts import parts, virtual_routers
from rehearse.model.predict import Row
from rehearse.model.run import Held
from rehearse.model.shape import Shape
from rehearse.model.two import RowOfTwo

if TYPE_CHECKING:
    from collections.abc import Iterator

    from rehearse.model.cluster import Cluster
    from rehearse.model.faults import Fault
    from rehearse.model.two import Two

_FLAPS = 8  # changes of owner in one phase after which it is not said to have come to rest


def rows(cluster: Cluster, fault: Fault, said: dict[str, Any]) -> Iterator[Row]:
    """Yield a row for each virtual router that the fault can touch."""
    for part in parts(cluster):
        if not Shape(cluster, part).is_touched(fault):
            continue
        for router in virtual_routers(cluster, part):
            silent = tuple(said["silent"]) if fault.part else ()
            failed = tuple(said["failed"]) if fault.kind in UNKNOWN else ()
            yield Row(fault, tuple(router), outcome(cluster, fault, router, said), silent=silent, failed=failed)


def started(cluster: Cluster, fault: Fault, said: dict[str, Any]) -> Iterator[Row]:
    """Yield a row for each virtual router about the start of the nodes."""
    times = {name: round(1000 * it) for name, it in said["times"].items()}
    for part in parts(cluster):
        for router in virtual_routers(cluster, part):
            phase = _phase(_log(cluster, fault, router, said, times), times["begun"], times["hit"])
            yield Row(fault, tuple(router), Outcome((), phase, phase, phase, phase, fault.nodes))


def rows_of_two(cluster: Cluster, two: Two, said: dict[str, Any]) -> Iterator[RowOfTwo]:
    """Yield a row for each virtual router that both faults can touch: what the second does while the first lasts."""
    first, second = two
    times = {name: round(1000 * it) for name, it in said["times"].items()}
    for part in parts(cluster):
        if not all(Shape(cluster, part).is_touched(it) for it in two):
            continue
        for router in virtual_routers(cluster, part):
            log = _while(cluster, first, router, _log(cluster, second, router, said, times), times["mended"])
            before = [it for it in log if it.time < times["hit"]][-1]
            hit = _phase(log, times["hit"], times["mended"])
            mended = _phase(log, times["mended"], times["end"])
            could = [it for it in _could(cluster, first, router) if it in _could(cluster, second, router)]
            yield RowOfTwo(two, tuple(router), Outcome(before.owners, hit, hit, mended, mended, tuple(could)))


def _while(cluster: Cluster, first: Fault, router: list[tuple[int, int]], log: list[Held], end: int) -> list[Held]:
    """Return a log as the first of two faults leaves it, which lasts until the end of both."""
    instances = {node: cluster.nodes[node].instances[number] for node, number in router}
    down = {node for node in first.nodes if first.tracker == INTERFACE and _carries(instances, node, first.name)}
    sick = {node for node in first.nodes if depends(cluster, router, node, first)}
    found: list[Held] = []
    for it in log:
        if it.time >= end and found and found[-1].time < end:  # what it hid is seen again
            found.append(Held(end, *log[log.index(it) - 1][1:]))
        owners = tuple(node for node in it.owners if it.time >= end or node not in down)
        serving = tuple(node for node in it.serving if it.time >= end or node not in down | sick)
        found.append(Held(it.time, owners, serving))
    if found and found[-1].time < end:
        found.append(Held(end, *log[-1][1:]))
    return [it for place, it in enumerate(found) if not place or it[1:] != found[place - 1][1:]]


def outcome(cluster: Cluster, fault: Fault, router: list[tuple[int, int]], said: dict[str, Any]) -> Outcome:
    """Return what becomes of a virtual router."""
    times = {name: round(1000 * it) for name, it in said["times"].items()}
    log = _log(cluster, fault, router, said, times)
    before = [it for it in log if it.time < times["hit"]][-1]
    hit = _phase(log, times["hit"], times["mended"])
    mended = _phase(log, times["mended"], times["end"])
    return Outcome(before.owners, hit, hit, mended, mended, _could(cluster, fault, router))


def _phase(log: list[Held], begun: int, end: int) -> Phase:
    first = [it for it in log if it.time < begun][-1:] or log[:1]
    inside = [*first, *(it for it in log if begun <= it.time < end and it not in first)]
    phase = measured(inside, begun, end, settled=True)
    return phase._replace(settled=phase.moves < _FLAPS)


def _log(
    cluster: Cluster, fault: Fault, router: list[tuple[int, int]], said: dict[str, Any], times: dict[str, int]
) -> list[Held]:
    """Return who holds all VIPs of a virtual router, can be reached, and serves."""
    instances = {node: cluster.nodes[node].instances[number] for node, number in router}
    held: dict[int, set[str]] = {node: set() for node in instances}
    changes: list[tuple[int, int, str, bool]] = []
    for node in instances:
        changes += [(round(1000 * at), node, address, is_on) for at, address, is_on in said["seen"][node]]
    down = {node for node in fault.nodes if fault.tracker == INTERFACE and _carries(instances, node, fault.name)}
    sick = {node for node in fault.nodes if depends(cluster, router, node, fault)}
    changes += [(times["hit"], -1, "", True), (times["mended"], -1, "", False)]
    again = {-2 - node: node for node in sick if said["restored"][node] is not None}
    changes += [(round(1000 * said["restored"][node]), mark, "", False) for mark, node in again.items()]
    log = [Held(times["begun"], (), ())]
    lasts = False
    for at, node, address, is_on in sorted(changes, key=itemgetter(0, 1)):  # those of a node as they came
        if node < -1:
            sick.discard(again[node])
        elif node < 0:
            lasts = is_on
        else:
            (held[node].add if is_on else held[node].discard)(address)
        owners = [it for it, has in held.items() if has.intersection(vip for vip, _ in instances[it].vips)]
        owners = [it for it in owners if not (lasts and it in down)]
        serving = [it for it in owners if not (lasts and it in sick)]
        if (tuple(owners), tuple(serving)) != log[-1][1:]:
            log.append(Held(at, tuple(owners), tuple(serving)))
    return log


def _carries(instances: dict[int, Any], node: int, name: str) -> bool:
    return node in instances and name in {device for _, device in instances[node].vips}


def depends(cluster: Cluster, router: list[tuple[int, int]], node: int, fault: Fault) -> bool:
    """Return whether the service of a virtual router on a node goes with a fault."""
    instances = [cluster.nodes[place].instances[number] for place, number in router if place == node]
    if not instances or not fault.tracker or fault.kind in SCRIPT_ALONE:
        return False
    entries = written(cluster, cluster.nodes[node], instances[-1])
    names = (fault.name, *fault.also)
    return any(it.kind == fault.tracker and it.name in names and not it.reverse for it in entries)


def _could(cluster: Cluster, fault: Fault, router: list[tuple[int, int]]) -> tuple[int, ...]:
    nodes = sorted({node for node, _ in router})
    if fault.kind in (DEAF, *UNKNOWN):
        return tuple(nodes)
    spared = fault.tracker and fault.tracker != INTERFACE
    return tuple(
        node for node in nodes if node not in fault.nodes or (spared and not depends(cluster, router, node, fault))
    )
