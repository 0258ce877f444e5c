"""When does a fault come on a stage, how long does it last, and how long is its end watched?"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from rehearse.model.acts import file_value
from rehearse.model.cluster import PROCESS, SCRIPT
from rehearse.model.faults import FAIL, HANG, HANGS, UNKNOWN, Fault
from rehearse.model.predict import predict

if TYPE_CHECKING:
    from rehearse.model.cluster import Cluster
    from rehearse.model.predict import Row

_MARGIN = 1500  # ms beyond what the model says


def _slowest(cluster: Cluster) -> tuple[int, int]:
    """Return the longest advert_int and preempt_delay in ms."""
    every = [it for node in cluster.nodes for it in node.instances]
    return max((it.interval for it in every), default=1000), max((it.preempt_delay for it in every), default=0)


def begin(cluster: Cluster, begun: int) -> float:
    """Return after how many seconds the nodes have come to rest."""
    slow, delay = _slowest(cluster)
    return (begun + delay + 2 * slow + _MARGIN) / 1000


def timed(cluster: Cluster, fault: Fault, begun: int) -> dict[str, Any]:
    """Return a fault with its times in seconds; the start of the nodes takes ``begun`` ms."""
    if fault.part:  # the model knows of its script alone
        kind = HANG if fault.kind in HANGS else FAIL
        return {**timed(cluster, Fault(kind, fault.nodes, fault.tracker, fault.name), begun), **fault._asdict()}
    rows = predict(cluster, [fault]) if fault.kind not in UNKNOWN else []
    slow, delay = _slowest(cluster)
    learns = [_learns(cluster, fault, mend=mend) for mend in (False, True)]
    down = 5 * slow + 1000
    return {
        **fault._asdict(),
        "value": file_value(cluster.nodes[fault.nodes[0]], fault.name),
        "begin": begin(cluster, begun),
        "during": (max([learns[0] + delay + down, *(_last(row, mend=False) for row in rows)]) + _MARGIN) / 1000,
        "after": (max([learns[1] + delay + down, *(_last(row, mend=True) for row in rows)]) + _MARGIN) / 1000,
    }


def _learns(cluster: Cluster, fault: Fault, *, mend: bool) -> int:
    known = [(name, it) for place in fault.nodes for name, it in cluster.nodes[place].scripts.items()]
    scripts = [it for name, it in known if fault.kind in UNKNOWN or (fault.tracker, fault.name) == (SCRIPT, name)]
    hangs = fault.kind == HANG and not mend
    ends = [cluster.nodes[it].processes.get(fault.name, 0) for it in fault.nodes if fault.tracker == PROCESS]
    runs = ((it.rise if mend else it.fall) * it.interval + it.timeout * hangs for it in scripts)
    return max((*runs, *ends), default=0)


def _last(row: Row, *, mend: bool) -> int:
    it = row.outcome
    phases = (it.mended_soonest, it.mended_latest) if mend else (it.soonest, it.latest)
    return max(phase.last for phase in phases)
