"""Do the VRRP instances fit the kernel, and work as they are written?"""

from __future__ import annotations

from typing import TYPE_CHECKING

from doctor.case import Case, Findings, rule
from doctor.finding import ERROR, NOTE, WARNING, at
from doctor.pairs import PASSWORD
from doctor.tracking import OWNER, family, priority

if TYPE_CHECKING:
    from vipwarden.node.keepalived.conf import Block


@rule("vrid-duplicate", ERROR)
def vrid_duplicate(case: Case) -> Findings:
    """Two instances with one virtual_router_id on the same interface and address family."""
    seen: dict[tuple[str, str, str], Block] = {}
    for instance in case.instances:
        vrid = instance.last("virtual_router_id")
        if vrid is not None:
            first = seen.setdefault((vrid.name, instance.value("interface"), family(instance)), instance)
            if first is not instance:
                interface = instance.value("interface") or "no interface"
                what = f"{instance.name} and {first.name} both have virtual_router_id {vrid.name} on {interface}"
                consequence = "keepalived refuses the second one, or both take each other's adverts for their own."
                fix = "Give each instance on a network its own number, the same on all nodes."
                yield at(vrid, what, consequence, fix)


@rule("auth-pass-long", WARNING)
def auth_pass_long(case: Case) -> Findings:
    """Passwords of which only the first 8 characters count."""
    for instance in case.instances:
        for block in (line for own in instance.named("authentication") for line in own.named("auth_pass")):
            length = len(block.name.encode("utf-8", "replace"))
            if length > PASSWORD:
                what = f"auth_pass of {instance.name} has {length} characters"
                consequence = "keepalived cuts it after 8: a peer whose password differs only later is accepted."
                fix = "Use 8 characters. They travel in clear text: they prevent mistakes, not attacks."
                yield at(block, what, consequence, fix)


@rule("interface-missing", ERROR)
def interface_missing(case: Case) -> Findings:
    """Instances on an interface that the node does not have."""
    if not case.host.interfaces or case.setting("dynamic_interfaces") is not None:
        return
    for instance in case.instances:
        block = instance.last("interface")
        if block is not None and block.name and block.name not in case.host.interfaces:
            known = ", ".join(sorted(case.host.interfaces - {"lo"})) or "none but lo"
            what = f"{instance.name} is on {block.name}; this node has {known}"
            consequence = "keepalived refuses the configuration, or the instance stays in FAULT until it exists."
            yield at(block, what, consequence, "Name an interface of this node: ip -brief link")


@rule("vip-held-nowhere", WARNING)
def vip_held_nowhere(case: Case) -> Findings:
    """VIPs that no interface of this node holds."""
    own = case.host.own
    blocks = {instance.name: instance for instance in case.instances}
    for vip in case.vips:
        if own is None or vip.is_held(own):
            continue
        block = blocks[vip.instance]
        elsewhere = sorted(it.interface for it in own if it.address == vip.address)
        place = f", but on {', '.join(elsewhere)}" if elsewhere else ", nor on any other interface of this node"
        what = f"the VIP {vip.address} of {vip.instance} is not on {vip.interface}{place}"
        if block.value("state") == "MASTER" or priority(block) == OWNER:
            consequence = "This node should be master: keepalived does not run, is in FAULT, or a peer is above it."
            yield at(block, what, consequence, "Look at the state: journalctl -u keepalived; ip -brief address")
        else:
            consequence = "That is right while a peer holds it, and an outage if none does."
            yield at(block, what, consequence, "Ask the peers.", NOTE)


@rule("vip-none", WARNING)
def vip_none(case: Case) -> Findings:
    """Instances without a VIP."""
    for instance in case.instances:
        if not any(block.blocks for block in instance.named("virtual_ipaddress", "virtual_ipaddress_excluded")):
            what = f"{instance.name} has no virtual_ipaddress"
            yield at(instance, what, "It hands nothing over; with VRRPv3 keepalived refuses it.", "Give it a VIP.")


@rule("nopreempt-master", WARNING)
def nopreempt_master(case: Case) -> Findings:
    """Instances with nopreempt that start as MASTER."""
    for instance in case.instances:
        block = instance.last("nopreempt")
        if block is not None and instance.value("state") == "MASTER":
            what = f"{instance.name} has nopreempt and state MASTER"
            consequence = "keepalived drops nopreempt: the VIP moves back when this node returns, a second outage."
            yield at(block, what, consequence, "state BACKUP on all nodes; the priorities decide who begins.")


@rule("unicast-without-peers", ERROR)
def unicast_without_peers(case: Case) -> Findings:
    """Instances with a unicast source and no peer."""
    for instance in case.instances:
        block = instance.last("unicast_peer", "unicast_src_ip")
        if block is not None and not any(peers.blocks for peers in instance.named("unicast_peer")):
            what = f"{instance.name} has {block.words[0]} and no unicast peer"
            consequence = "keepalived falls back to multicast: where the network drops it, all nodes become master."
            yield at(block, what, consequence, "Name the other nodes in unicast_peer { }.")


@rule("strict-mode", WARNING)
def strict_mode(case: Case) -> Findings:
    """Instances in strict mode, whose VIPs accept no packets."""
    everywhere = case.setting("vrrp_strict")
    for instance in case.instances:
        own = instance.last("strict_mode")
        is_strict = everywhere is not None if own is None else own.name in ("", "on", "yes", "true")
        block = own or everywhere
        if is_strict and block is not None and instance.last("accept") is None and priority(instance) != OWNER:
            what = f"{instance.name} is in strict mode"
            consequence = "keepalived's firewall rules drop all packets to the VIP; auth_pass and unicast are refused."
            yield at(block, what, consequence, "Remove vrrp_strict: a VIP that serves has to accept packets.")
