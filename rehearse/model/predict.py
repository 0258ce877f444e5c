"""What becomes of each VIP of a cluster in each fault?"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from rehearse.model.bench import Bench
from rehearse.model.faults import Fault, faults, hides, is_unseen
from rehearse.model.parts import parts
from rehearse.model.shape import Shape

if TYPE_CHECKING:
    from collections.abc import Hashable, Iterable

    from rehearse.model.cluster import Cluster
    from rehearse.model.measure import Behind, Noticed, Outcome


class Row(NamedTuple):
    """A fault and its outcome for the instances (places of node and instance) of a virtual router.

    ``noticed`` is what a client saw in a real run, None where none asked; ``silent`` are the nodes whose script said
    nothing of the fault; ``behind`` is the real server that was hit; ``failed`` are the scripts that failed by a fault
    that the model does not know.
    """

    fault: Fault
    instances: tuple[tuple[int, int], ...]
    outcome: Outcome
    noticed: Noticed | None = None
    silent: tuple[int, ...] = ()
    behind: Behind | None = None
    failed: tuple[str, ...] = ()


def predict(cluster: Cluster, chosen: Iterable[Fault] | None = None, *, gap: int = 0) -> list[Row]:
    """Return a row for each fault and each virtual router that it can touch; nodes start ``gap`` ms one by one."""
    wanted = faults(cluster) if chosen is None else list(chosen)
    rows: list[Row] = []
    known: dict[Hashable, dict[Hashable, list[Outcome]]] = {}
    for part in parts(cluster):
        shape = Shape(cluster, part)
        alike = known.setdefault(shape.of_part, {})
        bench: Bench | None = None
        for fault in wanted:
            if not shape.is_touched(fault):
                continue
            key = shape.key(fault)
            outcomes = alike.get(key)
            if outcomes is None:
                bench = bench or Bench(cluster, part, gap)
                outcomes = alike[key] = bench.outcomes(fault)
            rows += [
                Row(fault, it, outcome)
                for it, outcome in zip(shape.virtual, outcomes, strict=True)
                if not is_unseen(fault) or hides(cluster, fault, it)
            ]
    order = {fault: number for number, fault in enumerate(wanted)}
    rows.sort(key=lambda row: order[row.fault])
    return rows
