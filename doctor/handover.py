"""Does a VIP move where keepalived.conf suggests it? Facts of keepalived's vrrp.c and vrrp_track.c."""

from __future__ import annotations

from typing import TYPE_CHECKING

from doctor.case import Case, Findings, rule
from doctor.finding import ERROR, NOTE, WARNING, at
from doctor.timing import seconds
from doctor.tracking import OWNER, Tracked, group_of, number, priority, raised, scripts
from vipwarden.node.keepalived.vips import groups

if TYPE_CHECKING:
    from vipwarden.node.keepalived.conf import Block

_WEIGHTS = ("sync_group_tracking_weight", "global_tracking")


def _weighted(case: Case, instance: Block) -> list[Tracked]:
    """Return the scripts that change the priority: what a track file does depends on its values."""
    return [script for script in scripts(case.conf, instance) if script.weight and script.target is not None]


@rule("weight-of-one-member", ERROR)
def weight_of_one_member(case: Case) -> Findings:
    """Weights that lower one member of a sync group alone, so that nothing is handed over."""
    members = groups(case.conf)
    blocks = {instance.name: instance for instance in case.instances}
    for group in case.conf.named("vrrp_sync_group"):
        names = [name for owner, name in members if owner == group.name and name in blocks]
        for name in names if group.last(*_WEIGHTS) is not None else ():
            for script in _weighted(case, blocks[name]):
                others = [blocks[it] for it in names if it != name]
                held = next((it for it in others if _stays(case, it, script)), None)
                if held is not None:
                    what = f"of the sync group {group.name} only {name} tracks {script.name}, {held.name} does not"
                    consequence = "A failure lowers that member alone, a peer takes only the whole group: it stays."
                    fix = f"Track {script.name} in the vrrp_sync_group itself, in each member, or with weight 0."
                    yield at(script.line, what, consequence, fix)


def _stays(case: Case, instance: Block, script: Tracked) -> bool:
    """Return whether an instance keeps its place before the peers while the script fails."""
    bonus = raised(case.conf, instance)
    peer = case.peers.priority(instance, bonus)
    is_below = peer is not None and peer > priority(instance) + bonus
    return not is_below and script.target not in [own.target for own in _weighted(case, instance)]


@rule("weight-slow", NOTE)
def weight_slow(case: Case) -> Findings:
    """Weights that hand over three adverts later than FAULT."""
    for instance in case.instances:
        group = group_of(case.conf, instance)
        if priority(instance) == OWNER or (group is not None and group.last(*_WEIGHTS) is None):
            continue  # no weight counts
        bonus = raised(case.conf, instance)
        peer = case.peers.priority(instance, bonus)
        own = priority(instance) + bonus
        later = number(instance.value("down_timer_adverts"), 3) * seconds(instance.value("advert_int"), 1)
        for script in _weighted(case, instance) if peer is not None and later >= 1 else ():
            if own >= (peer or 0) > max(1, own - abs(script.weight)):
                what = f"{instance.name} tracks {script.name} with weight {script.weight}"
                consequence = f"Its failure hands over up to {later:g} s later than FAULT: the peer waits that long."
                yield at(script.line, what, consequence, "Weight 0, where a node without the service is of no use.")


@rule("init-fail-idle", NOTE)
def init_fail_idle(case: Case) -> Findings:
    """Scripts with init_fail, which changes nothing."""
    used = {id(script.target) for holder in case.holders for script in scripts(case.conf, holder)}
    for script in case.conf.named("vrrp_script"):
        line = script.last("init_fail")
        if line is not None and id(script) in used:
            what = f"vrrp_script {script.name} has init_fail"
            consequence = "keepalived forgets it for a script that is tracked, and waits for the first result anyway."
            yield at(line, what, consequence, "Leave it out: until its first result a script of weight 0 holds no VIP.")


@rule("state-master-idle", NOTE)
def state_master_idle(case: Case) -> Findings:
    """Instances that are to start as MASTER, and have a peer above them."""
    for instance in case.instances:
        line = instance.last("state")
        bonus = raised(case.conf, instance)
        peer = case.peers.priority(instance, bonus)
        own = priority(instance) + bonus
        if line is not None and line.name == "MASTER" and peer is not None and OWNER > peer > own:
            what = f"{instance.name} has state MASTER and priority {own}, and its peer has {peer}"
            consequence = "The peer gets the VIP: below priority 255 the state changes nothing, only the priorities do."
            yield at(line, what, consequence, "state BACKUP on all nodes, and the highest priority on the first.")


@rule("preempt-delay-master", WARNING)
def preempt_delay_master(case: Case) -> Findings:
    """Instances with preempt_delay that start as MASTER."""
    for instance in case.instances:
        line = instance.last("preempt_delay")
        if line is not None and instance.value("state") == "MASTER":
            what = f"{instance.name} has preempt_delay and state MASTER"
            consequence = "keepalived drops preempt_delay: a node that returns takes the VIP before it is ready."
            yield at(line, what, consequence, "state BACKUP on all nodes; the priorities decide who begins.")
