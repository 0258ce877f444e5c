"""What becomes of the VIPs when the clock is stepped, after all other faults?

One kernel has one clock: it is stepped for all nodes, on a stage that has the machine to itself.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from rehearse.model.faults import BACK, FORWARD, START, Fault
from rehearse.stage.apart import StageError
from rehearse.stage.clock import kept_clock, refusal
from rehearse.stage.perform import perform

if TYPE_CHECKING:
    from collections.abc import Sequence

    from rehearse.model.cluster import Cluster
    from rehearse.model.predict import Row
    from rehearse.real import Reals
    from vipwarden.node.keepalived.conf import Block

_STEPS = (FORWARD, BACK)


def clock_faults(cluster: Cluster) -> list[Fault]:
    """Return the steps of the clock; raises StageError where it cannot be set."""
    why = refusal()
    if why:
        raise StageError(
            f"--step-clock: this process may not set the clock ({why}): it takes root and CAP_SYS_TIME, which a "
            "container has not; nothing was run"
        )
    return [Fault(kind, tuple(range(len(cluster.nodes)))) for kind in _STEPS]


def played(
    cluster: Cluster,
    confs: Sequence[tuple[str, str, Block]],
    faults: Sequence[Fault],
    version: tuple[int, ...] | None,
    observed: Sequence[dict[str, Any]],
    behind: Reals,
) -> list[Row]:
    """Return the rows of ``perform()``; the clock is stepped when all other faults have ended."""
    steps = [it for it in faults if it.kind in _STEPS]
    others = [it for it in faults if it.kind not in _STEPS]
    if not steps:
        return perform(cluster, confs, others, version, observed, behind)
    rows: list[Row] = []
    with kept_clock() as clock:
        if any(it.kind != START for it in others):
            rows = perform(cluster, confs, others, version, observed, behind)
            others = []  # else the start is seen with the steps
        return rows + perform(cluster, confs, [*others, *steps], version, observed, behind, clock)
