"""How does a fault begin and end in a run, and after how long does keepalived learn of it?"""

from __future__ import annotations

from typing import TYPE_CHECKING

from rehearse.model.cluster import FILE, INTERFACE, PROCESS, SCRIPT
from rehearse.model.faults import DEAF, FREEZE, HANG, KILL, POWER, STOP, is_unseen
from rehearse.model.nodes import die, freeze, live, start, stop, thaw
from rehearse.model.trackers import change, hang

if TYPE_CHECKING:
    from rehearse.model.cluster import Cluster, Node
    from rehearse.model.faults import Fault
    from rehearse.model.run import Run

    Late = frozenset[int]  # the nodes that learn of a fault at the last moment

_LINKWATCH = 1000  # ms for which the kernel may keep to itself that an interface runs (linkwatch_schedule_work())
APART = 50  # ms between nodes that the same thing comes to
_FAILED = 1  # what a track file says
_LOWEST = 254  # and one whose values are priorities


def delay(cluster: Cluster, fault: Fault, place: int, late: Late, *, mend: bool = False) -> int:
    """Return after how many ms keepalived learns on a node of a fault of this kind, or of its end."""
    node = cluster.nodes[place]
    if fault.tracker == SCRIPT and fault.name in node.scripts:
        script = node.scripts[fault.name]
        runs = script.rise if mend else script.fall
        hangs = script.timeout if fault.kind == HANG and not mend else 0
        return (runs - (place not in late)) * script.interval + hangs
    if fault.tracker == INTERFACE and mend:
        return _LINKWATCH * (place in late)
    # check_process() takes a new program at once: fork_delay is for what a tracked process forks
    is_told = fault.tracker == PROCESS and not mend and not is_unseen(fault)
    return node.processes.get(fault.name, 0) if is_told else 0


def _lag(fault: Fault, place: int, late: Late) -> int:
    """Return how much later than the others a node of several learns of what has no delay of its own."""
    return APART * (place in late and len(fault.nodes) > 1)


def lates(fault: Fault) -> list[Late]:
    """Return which nodes may learn of it late: all, none, and each alone where it comes to several."""
    alone = [frozenset({node}) for node in fault.nodes] if fault.tracker and len(fault.nodes) > 1 else []
    return [frozenset(fault.nodes), *alone, frozenset()]


def begin(run: Run, fault: Fault, late: Late) -> None:
    """Let a fault come."""
    first = fault.nodes[0]
    if fault.tracker:
        for node in fault.nodes:
            after = delay(run.cluster, fault, node, late) or _lag(fault, node, late)
            _set(run, fault, node, after, broken=True)
    elif fault.kind == DEAF:
        run.deaf |= _deaf(fault)
    elif fault.kind == POWER:
        die(run, first)
    elif fault.kind == FREEZE:
        freeze(run, first)
    else:
        stop(run, first, says=fault.kind == STOP, keeps=fault.kind == KILL)


def end(run: Run, fault: Fault, late: Late) -> None:
    """Mend it."""
    first = fault.nodes[0]
    if fault.tracker:
        for node in fault.nodes:
            after = delay(run.cluster, fault, node, late, mend=True) or _lag(fault, node, late)
            _set(run, fault, node, after, broken=False)
    elif fault.kind == DEAF:
        run.deaf -= _deaf(fault)
    elif fault.kind == POWER:
        live(run, first)
    elif fault.kind == FREEZE:
        thaw(run, first)
    else:
        start(run, {first})


def _deaf(fault: Fault) -> set[tuple[int, int, str]]:
    first, other = fault.nodes
    return {(first, other, fault.name)} | ({(other, first, fault.name)} if fault.both else set())


def _set(run: Run, fault: Fault, node: int, after: int, *, broken: bool) -> None:
    key = (node, fault.tracker, fault.name)
    if is_unseen(fault):
        hang(run, key, broken=broken)
        return
    value = int(not broken)
    if key[1] == FILE:
        value = file_value(run.cluster.nodes[node], fault.name) if broken else 0
    change(run, key, value, delay=after)


def file_value(node: Node, name: str) -> int:
    """Return the value that a track file has for a failure: the lowest priority where any weight of it is 1 or -1."""
    held = [*(it.links for it in node.instances), *(it.links for it in node.groups)]
    weights = [it.weight for links in held for it in links if (it.kind, it.name) == (FILE, name)]
    factor = next((weight for weight in weights if abs(weight) == 1), 0)
    return -_LOWEST * factor if factor else _FAILED
