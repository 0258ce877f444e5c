"""What becomes of the VIPs when real keepalived meet the faults, and how long does that take?"""

from __future__ import annotations

import os
import shutil
from typing import TYPE_CHECKING

from rehearse.model.cluster import PROCESS
from rehearse.model.faults import START
from rehearse.progress import Progress
from rehearse.stage.apart import PROGRAMS, StageError, run
from rehearse.stage.asked import add_client, asks
from rehearse.stage.noticed import noticed
from rehearse.stage.order import order
from rehearse.stage.seen import rows, started

if TYPE_CHECKING:
    from collections.abc import Sequence

    from rehearse.model.cluster import Cluster
    from rehearse.model.faults import Fault
    from rehearse.model.predict import Row
    from vipwarden.node.keepalived.conf import Block

_TOGETHER = 10  # stages at a time: keepalived needs little, and its adverts have to come in time
_MOST_FAULTS = 200
_MOST_VIPS = 1000  # keepalived takes seconds to lay out more, and the times would say nothing
_AROUND = 4  # seconds that a stage takes before and after
_PATH = "/usr/sbin:/sbin:/usr/bin:/bin:/usr/local/sbin"


def perform(
    cluster: Cluster, confs: Sequence[tuple[str, str, Block]], faults: Sequence[Fault], version: tuple[int, ...] | None
) -> list[Row]:
    """Return a row for each fault and each virtual router that it can touch; raises StageError and ConfError."""
    _refuse(cluster, faults)
    wanted = order(cluster, confs, faults, version)
    wanted["together"] = _TOGETHER
    played = [it for it in faults if it.kind != START]
    add_client(cluster, wanted, played)
    asked = asks(cluster)
    seconds = sum(it["begin"] + it["during"] + it["after"] + _AROUND for it in wanted["faults"])
    left = max(seconds / _TOGETHER, *(it["begin"] + it["during"] + it["after"] + _AROUND for it in wanted["faults"]))
    wanted["most"] = 3 * left + 120
    progress = Progress(len(played), "faults", left)
    found: dict[int, list[Row]] = {}
    first: list[Row] = []
    for said in run(wanted):
        number = said["fault"]
        if "times" not in said:
            logs = " ".join(line for log in said["logs"] for line in log.splitlines()[-8:])
            raise StageError(f"{played[number].kind}: {said.get('error', 'it did not come about')} {logs}")
        found[number] = [
            it._replace(noticed=noticed(cluster, asked, it, said)) for it in rows(cluster, played[number], said)
        ]
        first = first or [
            row._replace(noticed=noticed(cluster, asked, row, said))
            for it in faults
            if it.kind == START
            for row in started(cluster, it, said)
        ]
        progress.show(len(found))
    progress.end()
    if len(found) < len(played):
        raise StageError(f"{len(played) - len(found)} of {len(played)} faults did not come to their end")
    return [*first, *(row for number in range(len(played)) for row in found[number])]


def _refuse(cluster: Cluster, faults: Sequence[Fault]) -> None:
    """Raise StageError where the machine or the configuration cannot be rehearsed."""
    if os.geteuid() != 0:
        raise StageError("only root may make namespaces; --dry needs no rights")
    missing = [it for it in PROGRAMS if shutil.which(it, path=_PATH) is None]
    if missing:
        raise StageError(f"not installed: {', '.join(missing)}; --dry needs none of them")
    if not 1 <= len(faults) <= _MOST_FAULTS:
        raise StageError(f"{len(faults)} faults at once: from 1 to {_MOST_FAULTS} can be rehearsed, see --faults")
    if all(it.kind == START for it in faults):
        raise StageError("the start is seen with any other fault, see --faults")
    for node in cluster.nodes:
        vips = sum(len(it.vips) for it in node.instances)
        if vips > _MOST_VIPS:
            raise StageError(f"{node.name} has {vips} VIPs: up to {_MOST_VIPS} can be rehearsed so; see --dry")
        held = [*(it.links for it in node.instances), *(it.links for it in node.groups)]
        if any(link.kind == PROCESS for entries in held for link in entries):
            raise StageError(f"{node.name} has a vrrp_track_process: the kernel reports no processes there; see --dry")
