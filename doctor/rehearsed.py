"""Does a model of this node and its peers hand the VIPs over when a script fails?"""

from __future__ import annotations

from typing import TYPE_CHECKING

from doctor import handover, pairs, weights
from doctor.case import Case, Findings, rule
from doctor.finding import ERROR, NOTE, at
from doctor.tracking import group_of, scripts
from rehearse.conf import cluster as cluster_of
from rehearse.model.cluster import SCRIPT
from rehearse.model.faults import FAIL, Fault
from rehearse.model.predict import predict
from rehearse.verdict import BAD, verdict
from vipwarden.node.keepalived.lines import ConfError

if TYPE_CHECKING:
    from vipwarden.node.keepalived.conf import Block

_SIMPLER = (
    *(weights.weight_too_small, weights.weight_nopreempt, weights.weight_in_sync_group),
    *(weights.weight_of_address_owner, handover.weight_of_one_member, pairs.peer_disagrees),
)


@rule("script-hands-nothing-over", ERROR)
def script_hands_nothing_over(case: Case) -> Findings:
    """Scripts whose failure leaves the VIP where the service is dead, as a model of the nodes computes it."""
    reported = {(it.path, it.line) for simpler in _SIMPLER for it in simpler.findings(case) if it.severity != NOTE}
    blocks = {it.name: it for it in case.instances}
    names = ("this node", "the peer")
    for conf in case.peers.configurations:
        try:
            cluster = cluster_of([(names[0], case.conf), (names[1], conf)], case.version)
        except ConfError:
            continue
        for name in cluster.nodes[0].scripts:
            for row in predict(cluster, [Fault(FAIL, (0,), SCRIPT, name)]):
                word, reason = verdict(row, names)
                mine = [cluster.nodes[0].instances[number].name for node, number in row.instances if node == 0]
                for block in (blocks[it] for it in mine if word == BAD):
                    line = _line(case, block, name)
                    if line is not None and reported.isdisjoint(_places(block, line)):
                        what = f"{block.name} tracks {name}; when it fails here: {reason}"
                        consequence = "The VIP is not handed over as it is meant to be."
                        fix = "vipwarden rehearse --dry shows it step by step; --search looks for a change that helps."
                        yield at(line, what, consequence, fix)


def _line(case: Case, block: Block, name: str) -> Block | None:
    group = group_of(case.conf, block)
    holders = [block, *([group] if group is not None else [])]
    return next((it.line for holder in holders for it in scripts(case.conf, holder) if it.name == name), None)


def _places(block: Block, line: Block) -> set[tuple[str, int]]:
    return {(it.path, it.number) for it in (block, line, *block.blocks)}


@rule("script-tracked-twice", ERROR)
def script_tracked_twice(case: Case) -> Findings:
    """Scripts that a member of a sync group and the group itself track with weight 0."""
    for instance in case.instances:
        group = group_of(case.conf, instance)
        if group is None:
            continue
        own = {it.name for it in scripts(case.conf, instance) if it.target is not None and not it.weight}
        for script in scripts(case.conf, group):
            if script.name in own and not script.weight:
                what = f"{instance.name} and its sync group {group.name} both track {script.name} with weight 0"
                consequence = "keepalived waits for two first results, and gets one: the group never holds its VIPs."
                yield at(script.line, what, consequence, f"Track {script.name} in the vrrp_sync_group alone.")
