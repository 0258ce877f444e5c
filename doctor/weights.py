"""Do the weights move a VIP when a script fails?"""

from __future__ import annotations

from typing import TYPE_CHECKING

from doctor.case import Case, Findings, rule
from doctor.finding import ERROR, NOTE, WARNING, at
from doctor.tracking import (
    OWNER,
    Tracked,
    counterparts,
    everywhere,
    files,
    group_of,
    priority,
    raised,
    scripts,
    track_files,
)

if TYPE_CHECKING:
    from vipwarden.node.keepalived.conf import Block


@rule("weight-too-small", ERROR)
def weight_too_small(case: Case) -> Findings:
    """Weights that leave the priority above the peers' when the script fails."""
    for instance in case.instances:
        if priority(instance) == OWNER or _ignores_weights(case, instance):
            continue
        bonus = raised(case.conf, instance)
        healthy = priority(instance) + bonus
        peer = case.peers.priority(instance, bonus)
        for script in scripts(case.conf, instance):
            lowered = max(1, healthy - abs(script.weight))
            if not script.weight or script.target is None:
                continue
            what = f"{script.name} takes {instance.name} from {healthy} to {lowered} when it fails"
            fix = "Use weight 0 (FAULT always hands over), or a weight above the gap between the priorities."
            if peer is None:
                unknown = f"The VIP moves only to a peer with more than {lowered}."
                fix = f"Name the peer's priority: --peer-priority {instance.name}=N or --peer FILE. {fix}"
                yield at(script.line, what, unknown, fix, NOTE)
            elif healthy >= peer >= 1 and lowered >= peer:
                same = " (equal priorities hand nothing over)" if lowered == peer else ""
                consequence = f"The VIP stays where the service is dead{same}."
                yield at(script.line, f"{what}, and the peer has {peer}", consequence, fix)


@rule("weight-nopreempt", WARNING)
def weight_nopreempt(case: Case) -> Findings:
    """Weights together with nopreempt."""
    for instance in case.instances:
        weighted = next((script for script in scripts(case.conf, instance) if script.weight), None)
        others = [other for conf in case.peers.configurations for other in counterparts(conf, instance)]
        stays = [other for other in others if other.last("nopreempt") and other.value("state") != "MASTER"]
        own = instance.last("nopreempt")
        if weighted is None or (own is None and not stays):
            continue
        who = instance.name if own is not None else f"{stays[0].name} of the peer"
        what = f"{who} has nopreempt, and {instance.name} tracks {weighted.name} with weight {weighted.weight}"
        consequence = "A weight lowers the priority, and a peer with nopreempt never takes over from a lower one."
        fix = "Track the script with weight 0: FAULT hands over all the same."
        yield at(own or weighted.line, what, consequence, fix)


def _weighted(case: Case, instance: Block) -> list[Tracked]:
    everything = (*scripts(case.conf, instance), *files(case.conf, instance))
    return [tracked for tracked in everything if tracked.weight and tracked.target is not None]


@rule("weight-in-sync-group", ERROR)
def weight_in_sync_group(case: Case) -> Findings:
    """Weights that keepalived ignores inside a sync group."""
    for instance in case.instances:
        for tracked in _weighted(case, instance) if _ignores_weights(case, instance) else ():
            what = f"{instance.name} tracks {tracked.name} with weight {tracked.weight} inside a sync group"
            fix = "Use weight 0, or put sync_group_tracking_weight into the vrrp_sync_group."
            yield at(tracked.line, what, "keepalived ignores it: its failure moves nothing.", fix)


@rule("weight-of-address-owner", ERROR)
def weight_of_address_owner(case: Case) -> Findings:
    """Weights that keepalived ignores at priority 255."""
    for instance in case.instances:
        for tracked in _weighted(case, instance) if priority(instance) == OWNER else ():
            what = f"{instance.name} has priority 255, and tracks {tracked.name} with weight {tracked.weight}"
            consequence = "255 is the owner of the address: keepalived ignores all weights, and the VIP stays."
            if tracked.target is not None and tracked.target.words[0] != "vrrp_script":
                consequence = "255 is the owner of the address: the weight counts as 0, and any value but 0 is FAULT."
            yield at(tracked.line, what, consequence, "Use a priority from 1 to 254, such as 150.")


@rule("track-unknown", ERROR)
def track_unknown(case: Case) -> Findings:
    """Tracked names that are not defined."""
    for holder in case.holders:
        for keyword, lines in (("vrrp_script", scripts), ("track_file", files)):
            for tracked in lines(case.conf, holder):
                if tracked.target is None:
                    what = f"{holder.name} tracks {tracked.name}, but there is no {keyword} of that name"
                    fix = f"Define the {keyword} above the instance, or correct the name."
                    yield at(tracked.line, what, "keepalived ignores it and holds the VIP whatever happens.", fix)


@rule("script-not-tracked", WARNING)
def script_not_tracked(case: Case) -> Findings:
    """Scripts and track files that no instance tracks."""
    lines = (line for holder in case.holders for line in (*scripts(case.conf, holder), *files(case.conf, holder)))
    used = {id(line.target) for line in lines}
    checked = {line.name for block in everywhere(case.conf, "FILE_CHECK") for line in block.named("track_file")}
    for block in (*case.conf.named("vrrp_script"), *track_files(case.conf)):
        if id(block) not in used and block.name not in checked:
            what = f"no instance tracks {block.words[0]} {block.name}"
            fix = f"Put {block.name} into the track_script or track_file of the instance."
            yield at(block, what, "keepalived never runs it, and nothing moves when the service dies.", fix)


def _ignores_weights(case: Case, instance: Block) -> bool:
    group = group_of(case.conf, instance)
    return group is not None and group.last("sync_group_tracking_weight", "global_tracking") is None
