"""What did the client of a stage notice of a fault?"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from rehearse.model.faults import START
from rehearse.model.measure import Asked, Noticed

if TYPE_CHECKING:
    from collections.abc import Sequence

    from rehearse.model.cluster import Cluster
    from rehearse.model.predict import Row
    from rehearse.stage.asked import Ask

    Times = tuple[float, float]

_BEFORE = 1.5  # seconds before a fault in which all has come to rest
_PATIENCE = 1.0  # seconds in which the last ones have no answer yet, and are not counted
_LAST = 5  # requests one after the other without an answer, at the end of a phase


def noticed(cluster: Cluster, asked: Sequence[Ask], row: Row, said: dict[str, Any]) -> Noticed | None:
    """Return what the client of a virtual router saw, None where none asked."""
    own = {vip for node, number in row.instances for vip, _ in cluster.nodes[node].instances[number].vips}
    logs = [(it.vip, log) for it, log in zip(asked, said["client"], strict=True) if it.vip in own]
    if not logs:
        return None
    begun, hit, mended, end = (said["times"][name] for name in ("begun", "hit", "mended", "end"))
    phases = [(max(begun, hit - _BEFORE), hit), (hit, mended), (mended, end)]
    if row.fault.kind == START:
        phases = [(begun, begun), (begun, hit), (hit, hit)]
    seen = []
    for vip, log in logs:
        held = [(at, node, is_on) for node, log in enumerate(said["seen"]) for at, it, is_on in log if it == vip]
        # a request that was under way when the fault came is the fault's
        sent = [(hit if not good and at < hit <= until else at, good) for at, until, good in log["requests"]]
        seen.append([_phase(log, sent, _wrong(log["kept"], held), phase) for phase in phases])
    found = Noticed(*(_joined(each) for each in zip(*seen, strict=True)))
    if said["times"].get("stalled", 0) * 2 > end - hit:
        found = Noticed(*(it._replace(is_late=True) for it in found))
    return found


def _phase(log: dict[str, Any], sent: list[tuple[float, bool]], wrong: list[tuple[float, bool]], phase: Times) -> Asked:
    answered = [good for at, good in sent if phase[0] <= at < phase[1]]
    two = [(at, len(nodes) > 1) for at, nodes in log["answers"]]
    return Asked(
        len(answered),
        answered.count(False),
        _lasted(two, phase),
        _lasted(wrong, phase),
        len(answered) >= _LAST and not any(answered[-_LAST:]),
        next((so for at, so in reversed(wrong) if at < phase[1]), False),
        len(answered) * 2 * log["every"] < phase[1] - phase[0] - _PATIENCE,
    )


def _wrong(kept: list[tuple[float, int]], held: list[tuple[float, int, bool]]) -> list[tuple[float, bool]]:
    """Return since when the client sends to a node that does not hold the VIP while another one does."""
    changes = sorted([*((at, node, None) for at, node in kept), *held], key=lambda it: it[0])
    to, found = -1, []
    owners: set[int] = set()
    for at, node, is_on in changes:
        if is_on is None:
            to = node
        else:
            (owners.add if is_on else owners.discard)(node)
        found.append((at, to >= 0 and bool(owners) and to not in owners))
    return found


def _lasted(changes: list[tuple[float, bool]], phase: Times) -> int:
    """Return for how many ms of a phase something was so."""
    ends = [*(at for at, _ in changes[1:]), phase[1]]
    spans = (min(until, phase[1]) - max(at, phase[0]) for (at, so), until in zip(changes, ends, strict=False) if so)
    return round(1000 * sum(max(0.0, it) for it in spans))


def _joined(each: Sequence[Asked]) -> Asked:
    sent, lost, two, wrong, silent, lasts, late = zip(*each, strict=True)
    return Asked(sum(sent), sum(lost), max(two), max(wrong), any(silent), any(lasts), any(late))
