"""Who holds the VIPs after a start, and after a split? Facts of keepalived's vrrp_scheduler.c and vrrp_sync.c."""

from __future__ import annotations

from typing import TYPE_CHECKING

from doctor.case import Case, Findings, rule
from doctor.finding import WARNING, at
from doctor.timing import seconds
from doctor.tracking import OWNER, counterparts, priority, raised
from vipwarden.node.keepalived.vips import groups

if TYPE_CHECKING:
    from vipwarden.node.keepalived.conf import Block

_WEIGHTS = ("sync_group_tracking_weight", "global_tracking")


@rule("startup-delay-put-off", WARNING)
def startup_delay_put_off(case: Case) -> Findings:
    """Startup delays whose end each advert of a lower peer puts off."""
    line = case.setting("vrrp_startup_delay")
    delay = seconds(line.name, 0) if line is not None else 0
    if line is None or not delay or not case.is_version("0.0.0", "2.3.2"):
        return
    waits = [it.name for it in case.instances if _is_put_off(case, it, delay)]
    if waits:
        what = f"vrrp_startup_delay {delay:g}, and {waits[0]} is to take over from a lower peer"
        consequence = (
            f"{case.running}: up to 2.3.2 each lower advert before the end of the delay puts it off: a minute becomes "
            "about half an hour."
        )
        fix = f"Run keepalived 2.3.3 or later, or use preempt_delay {delay:g} with state BACKUP instead."
        yield at(line, what, consequence, fix)


def _is_put_off(case: Case, instance: Block, delay: float) -> bool:
    """Return whether an instance ignores the adverts of a lower master while the delay lasts."""
    own = priority(instance)
    is_backup = instance.value("state") != "MASTER" and own != OWNER
    if is_backup and instance.last("nopreempt") is not None:
        return False
    if is_backup and seconds(instance.value("preempt_delay"), 0) >= delay:
        return False
    bonus = raised(case.conf, instance)
    peer = case.peers.priority(instance, bonus)
    return peer is None or own + bonus > peer


@rule("group-members-cross", WARNING)
def group_members_cross(case: Case) -> Findings:
    """Sync groups of which one member is above the peer and another one below it."""
    blocks = {instance.name: instance for instance in case.instances}
    for conf in case.peers.configurations:
        for group in case.conf.named("vrrp_sync_group"):
            counts = group.last(*_WEIGHTS) is not None
            members = [blocks[name] for owner, name in groups(case.conf) if owner == group.name and name in blocks]
            pairs = [(it, other) for it in members for other in counterparts(conf, it)]
            gaps = {it.name: _sum(case.conf, it, counts) - _sum(conf, other, counts) for it, other in pairs}
            above = next((name for name, gap in gaps.items() if gap > 0), None)
            below = next((name for name, gap in gaps.items() if gap < 0), None)
            if above is not None and below is not None:
                what = f"of the sync group {group.name} {above} has a higher priority than at the peer, {below} a lower"
                consequence = (
                    "No node can take the group from one that holds it, and after a split the first advert that "
                    "arrives decides who keeps it."
                )
                yield at(blocks[below], what, consequence, "Give one node the higher priority in all members.")


def _sum(conf: Block, instance: Block, counts: bool) -> int:
    own = priority(instance)
    return own + raised(conf, instance) if counts and own != OWNER else own
