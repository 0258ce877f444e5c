"""Do the weights hand a VIP over when a script fails?"""

from __future__ import annotations

from typing import TYPE_CHECKING

from doctor.rule import ERROR, NOTE, WARNING, Finding, at, rule
from doctor.tracking import (
    OWNER,
    everywhere,
    files,
    group_of,
    priority,
    raised,
    scripts,
    track_files,
)

if TYPE_CHECKING:
    from collections.abc import Iterator

    from doctor.case import Case
    from vipwarden.node.keepalived.conf import Block


@rule("weight-too-small", ERROR)
def weight_too_small(case: Case) -> Iterator[Finding]:
    """Find weights that leave the priority above that of the peers when the script fails."""
    for instance in case.instances:
        if priority(instance) == OWNER or _is_weightless_group(case, instance):
            continue
        bonus = raised(case.conf, instance)
        healthy = priority(instance) + bonus
        peer = case.peers.of(instance, bonus)
        for tracked in scripts(case.conf, instance):
            lowered = max(1, healthy - abs(tracked.weight))
            if not tracked.weight or tracked.target is None:
                continue
            what = f"{tracked.name} takes {instance.name} from {healthy} to {lowered} when it fails"
            fix = (
                "Weight 0 (FAULT) hands over in any case; with a weight, make it larger than the gap of the priorities."
            )
            if peer is None:
                unknown = f"The VIP moves where a peer has more than {lowered}, and stays on this node where none has."
                how = f"Say what they have with --peer-priority {instance.name}=N or --peer FILE. {fix}"
                yield at(tracked.line, what, unknown, how, NOTE)
            elif healthy >= peer >= 1 and lowered >= peer:
                same = " (equal priorities hand nothing over)" if lowered == peer else ""
                yield at(
                    tracked.line,
                    f"{what}, and the peer has {peer}",
                    f"The VIP stays where the service is dead{same}.",
                    fix,
                )


@rule("weight-nopreempt", WARNING)
def weight_nopreempt(case: Case) -> Iterator[Finding]:
    """Find weights beside nopreempt."""
    for instance in case.instances:
        stubborn = instance.last("nopreempt")
        weighted = next((tracked for tracked in scripts(case.conf, instance) if tracked.weight), None)
        if stubborn is not None and weighted is not None:
            what = f"{instance.name} has nopreempt, and tracks {weighted.name} with weight {weighted.weight}"
            consequence = (
                "A weight only lowers the priority, and a peer with nopreempt never takes over from one that is lower."
            )
            yield at(stubborn, what, consequence, "Track the script with weight 0: FAULT hands over all the same.")


@rule("weight-in-sync-group", ERROR)
def weight_in_sync_group(case: Case) -> Iterator[Finding]:
    """Find weights inside a sync group, which keepalived ignores."""
    for instance in case.instances:
        if _is_weightless_group(case, instance):
            for tracked in (*scripts(case.conf, instance), *files(case.conf, instance)):
                if tracked.weight and tracked.target is not None:
                    what = f"{instance.name} tracks {tracked.name} with weight {tracked.weight} inside a sync group"
                    fix = "Use weight 0, or put sync_group_tracking_weight into the vrrp_sync_group."
                    yield at(tracked.line, what, "keepalived ignores it: its failure moves nothing.", fix)


@rule("weight-of-address-owner", ERROR)
def weight_of_address_owner(case: Case) -> Iterator[Finding]:
    """Find weights in an instance of priority 255, which keepalived ignores."""
    for instance in case.instances:
        if priority(instance) == OWNER:
            for tracked in (*scripts(case.conf, instance), *files(case.conf, instance)):
                if tracked.weight and tracked.target is not None:
                    what = f"{instance.name} has priority 255, and tracks {tracked.name} with weight {tracked.weight}"
                    consequence = "255 is the owner of the address: keepalived ignores all weights, and the VIP stays."
                    yield at(
                        tracked.line, what, consequence, "Give the instance a priority from 1 to 254, such as 150."
                    )


@rule("track-unknown", ERROR)
def track_unknown(case: Case) -> Iterator[Finding]:
    """Find what is tracked and not defined."""
    for holder in (*case.instances, *case.conf.named("vrrp_sync_group")):
        for keyword, tracked in (("vrrp_script", scripts), ("track_file", files)):
            for one in tracked(case.conf, holder):
                if one.target is None:
                    what = f"{holder.name} tracks {one.name}, but there is no {keyword} of that name"
                    consequence = "keepalived ignores it and holds the VIP whatever happens."
                    yield at(
                        one.line, what, consequence, f"Define the {keyword} above the instance, or correct the name."
                    )


@rule("script-not-tracked", WARNING)
def script_not_tracked(case: Case) -> Iterator[Finding]:
    """Find scripts and track files that no instance tracks."""
    holders = [*case.instances, *case.conf.named("vrrp_sync_group")]
    used = {id(one.target) for holder in holders for one in (*scripts(case.conf, holder), *files(case.conf, holder))}
    checked = {line.name for block in everywhere(case.conf, "FILE_CHECK") for line in block.named("track_file")}
    for block in (*case.conf.named("vrrp_script"), *track_files(case.conf)):
        if id(block) not in used and block.name not in checked:
            what = f"{block.words[0]} {block.name} is tracked by no instance"
            consequence = "keepalived never runs it, and nothing moves when the service dies."
            yield at(block, what, consequence, f"Put {block.name} into the track_script or track_file of the instance.")


def _is_weightless_group(case: Case, instance: Block) -> bool:
    group = group_of(case.conf, instance)
    return group is not None and group.last("sync_group_tracking_weight", "global_tracking") is None
