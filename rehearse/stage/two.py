"""What becomes of the VIPs when real keepalived meet a second fault while the first lasts?"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from rehearse.model.predict import Row
from rehearse.model.two import RowOfTwo, predict_two
from rehearse.progress import Progress
from rehearse.stage.apart import StageError, run
from rehearse.stage.asked import add_client, asks
from rehearse.stage.noticed import noticed
from rehearse.stage.order import order
from rehearse.stage.perform import AROUND, together
from rehearse.stage.seen import rows_of_two

if TYPE_CHECKING:
    from collections.abc import Sequence

    from rehearse.model.cluster import Cluster
    from rehearse.model.two import Two
    from vipwarden.node.keepalived.conf import Block

_MARGIN = 1.5  # seconds beyond what the model says


def perform_two(
    cluster: Cluster,
    confs: Sequence[tuple[str, str, Block]],
    version: tuple[int, ...] | None,
    observed: Sequence[dict[str, Any]],
    twos: Sequence[Two],
) -> list[RowOfTwo]:
    """Return a row for each pair and each virtual router that both can touch; raises StageError and ConfError."""
    if not twos:
        return []
    first, wanted = (order(cluster, confs, [two[place] for two in twos], version, observed) for place in (0, 1))
    for place, it in enumerate((first, wanted)):
        add_client(cluster, it, [two[place] for two in twos])
    for entry, before, two in zip(wanted["faults"], first["faults"], twos, strict=True):
        _join(cluster, entry, before, two)
    spans = [it["begin"] + it["first"]["during"] + it["during"] + it["after"] + AROUND for it in wanted["faults"]]
    many = together(cluster, observed)
    left = max(sum(spans) / many, *spans)
    wanted |= {"together": many, "most": 3 * left + 120}
    progress = Progress(len(twos), "pairs", left)
    asked = asks(cluster)
    found: dict[int, list[RowOfTwo]] = {}
    for said in run(wanted):
        number = said["fault"]
        if "times" not in said:
            raise StageError(f"{twos[number]}: {said.get('error', 'it did not come about')}")
        found[number] = [
            row._replace(noticed=noticed(cluster, asked, Row(row.faults[1], row.instances, row.outcome), said))
            for row in rows_of_two(cluster, twos[number], said)
        ]
        progress.show(len(found))
    progress.end()
    if len(found) < len(twos):
        raise StageError(f"{len(twos) - len(found)} of {len(twos)} pairs did not come to their end")
    return [row for number in range(len(twos)) for row in found[number]]


def _join(cluster: Cluster, entry: dict[str, Any], before: dict[str, Any], two: Two) -> None:
    """Let a fault come while another one lasts; both last until the model has come to rest."""
    outcomes = [row.outcome for row in predict_two(cluster, [two])]
    hit = max((it.latest.last for it in outcomes), default=0) / 1000 + _MARGIN
    mended = max((it.mended_latest.last for it in outcomes), default=0) / 1000 + _MARGIN
    entry["first"] = before
    entry["sick"] += [it for it in before["sick"] if it not in entry["sick"]]
    entry["begin"] = max(entry["begin"], before["begin"])
    entry["during"] = max(entry["during"], hit)
    entry["after"] = max(entry["after"], before["after"], mended)
