"""Are the VRRP instances what their peers and the kernel can work with?"""

from __future__ import annotations

from typing import TYPE_CHECKING

from doctor.peers import counterparts
from doctor.rule import ERROR, NOTE, WARNING, Finding, at, rule
from doctor.tracking import OWNER, family, priority

if TYPE_CHECKING:
    from collections.abc import Iterator

    from doctor.case import Case
    from vipwarden.node.keepalived.conf import Block

_MOST_PASSWORD = 8


@rule("vrid-duplicate", ERROR)
def vrid_duplicate(case: Case) -> Iterator[Finding]:
    """Find two instances with one virtual_router_id on the same interface and in the same family."""
    seen: dict[tuple[str, str, str], Block] = {}
    for instance in case.instances:
        vrid = instance.last("virtual_router_id")
        if vrid is not None:
            first = seen.setdefault((vrid.name, instance.value("interface"), family(instance)), instance)
            if first is not instance:
                interface = instance.value("interface") or "no interface"
                what = f"{instance.name} has virtual_router_id {vrid.name} on {interface}, as {first.name} has"
                consequence = "keepalived refuses the second one, or both take each other's adverts for their own."
                yield at(
                    vrid, what, consequence, "Give each instance on a network a number of its own, on all nodes alike."
                )


@rule("auth-pass-long", WARNING)
def auth_pass_long(case: Case) -> Iterator[Finding]:
    """Find passwords of which only the first 8 characters count."""
    for instance in case.instances:
        for authentication in instance.named("authentication"):
            for block in authentication.named("auth_pass"):
                length = len(block.name.encode("utf-8", "replace"))
                if length > _MOST_PASSWORD:
                    what = f"auth_pass of {instance.name} has {length} characters"
                    consequence = (
                        "keepalived cuts it after 8: a peer that differs behind them is let in, and nobody is told."
                    )
                    fix = "Use 8 characters. They travel in clear text: they keep mistakes out, not attackers."
                    yield at(block, what, consequence, fix)


@rule("interface-missing", ERROR)
def interface_missing(case: Case) -> Iterator[Finding]:
    """Find instances on an interface that the node does not have."""
    if not case.host.interfaces or case.setting("dynamic_interfaces") is not None:
        return
    for instance in case.instances:
        block = instance.last("interface")
        if block is not None and block.name and block.name not in case.host.interfaces:
            known = ", ".join(sorted(case.host.interfaces - {"lo"})) or "none but lo"
            what = f"{instance.name} is on {block.name}, and this node has {known}"
            consequence = "keepalived refuses the configuration, or the instance stays in FAULT until there is one."
            yield at(block, what, consequence, "Name the interface that the node has: ip -brief link")


@rule("vip-held-nowhere", WARNING)
def vip_held_nowhere(case: Case) -> Iterator[Finding]:
    """Find VIPs that no interface of this node holds."""
    own = case.host.own
    if own is None:
        return
    blocks = {instance.name: instance for instance in case.instances}
    for vip in case.vips:
        block = blocks[vip.instance]
        if vip.is_held(own):
            continue
        elsewhere = sorted(one.interface for one in own if one.address == vip.address)
        place = f", but on {', '.join(elsewhere)}" if elsewhere else ", nor on any other interface of this node"
        what = f"the VIP {vip.address} of {vip.instance} is not on {vip.interface}{place}"
        if block.value("state") == "MASTER" or priority(block) == OWNER:
            consequence = (
                "This node is meant to be its master: keepalived does not run, is in FAULT, or a peer is above it."
            )
            yield at(block, what, consequence, "Look at the state: journalctl -u keepalived; ip -brief address")
        else:
            yield at(
                block, what, "That is right while a peer holds it, and an outage if none does.", "Ask the peers.", NOTE
            )


@rule("vip-none", WARNING)
def vip_none(case: Case) -> Iterator[Finding]:
    """Find instances without a virtual address."""
    for instance in case.instances:
        if not any(block.blocks for block in instance.named("virtual_ipaddress", "virtual_ipaddress_excluded")):
            what = f"{instance.name} has no virtual_ipaddress"
            yield at(instance, what, "It hands nothing over; with VRRPv3 keepalived refuses it.", "Give it a VIP.")


@rule("nopreempt-master", WARNING)
def nopreempt_master(case: Case) -> Iterator[Finding]:
    """Find nopreempt in an instance that starts as MASTER."""
    for instance in case.instances:
        block = instance.last("nopreempt")
        if block is not None and instance.value("state") == "MASTER":
            what = f"{instance.name} has nopreempt and state MASTER"
            consequence = (
                "keepalived takes nopreempt out: the VIP moves back as soon as this node returns, a second outage."
            )
            yield at(block, what, consequence, "state BACKUP on all nodes; the priorities decide who begins.")


@rule("unicast-without-peers", ERROR)
def unicast_without_peers(case: Case) -> Iterator[Finding]:
    """Find instances that name a unicast source and no peer."""
    for instance in case.instances:
        peers = [line for block in instance.named("unicast_peer") for line in block.blocks]
        block = instance.last("unicast_peer", "unicast_src_ip")
        if block is not None and not peers:
            what = f"{instance.name} has {block.words[0]} and no unicast peer"
            consequence = "keepalived falls back to multicast: where that is not let through, all nodes become master."
            yield at(block, what, consequence, "Name the other nodes in unicast_peer { }.")


@rule("peer-disagrees", ERROR)
def peer_disagrees(case: Case) -> Iterator[Finding]:
    """Find peers whose instance of the same number has other addresses, another advert_int or the same priority."""
    for conf in case.peers.configurations:
        for instance in case.instances:
            for other in counterparts(conf, instance):
                for name, one, two in _compared(case, instance, other):
                    if one != two:
                        what = f"{instance.name} has {name} {one or 'none'}, {other.name} of the peer {two or 'none'}"
                        consequence = "The nodes ignore each other's adverts: two of them may hold the VIP."
                        yield at(instance, what, consequence, f"Make {name} the same on all nodes.")
                if priority(instance) == priority(other):
                    what = f"{instance.name} and its peer have the same priority, {priority(instance)}"
                    consequence = "The higher address wins: weights and restarts have no plain order to work on."
                    yield at(instance, what, consequence, "Give each node a priority of its own.", WARNING)


def _compared(case: Case, instance: Block, other: Block) -> Iterator[tuple[str, str, str]]:
    yield "virtual_ipaddress", _addresses(instance), _addresses(other)
    if _is_version_3(case, instance):  # a backup goes by the interval of the advert, and there are no passwords
        return
    yield "advert_int", instance.value("advert_int") or "1", other.value("advert_int") or "1"
    mine, theirs = _password(instance), _password(other)
    yield "auth_pass", "one password", "one password" if mine == theirs else "another" if theirs else "none"


def _is_version_3(case: Case, instance: Block) -> bool:
    setting = case.setting("vrrp_version")
    return "3" in (instance.value("version"), setting.name if setting is not None else "") or family(instance) == "IPv6"


def _password(instance: Block) -> str:
    """Return what counts of the password; it is compared and never shown."""
    return next((block.value("auth_pass")[:_MOST_PASSWORD] for block in instance.named("authentication")), "")


def _addresses(instance: Block) -> str:
    lines = (line.words[0].partition("/")[0] for vips in instance.named("virtual_ipaddress") for line in vips.blocks)
    return " ".join(sorted(lines))


@rule("strict-mode", WARNING)
def strict_mode(case: Case) -> Iterator[Finding]:
    """Find instances in strict mode, whose VIPs take no packets."""
    everywhere = case.setting("vrrp_strict")
    for instance in case.instances:
        own = instance.last("strict_mode")
        is_strict = everywhere is not None if own is None else own.name in ("", "on", "yes", "true")
        block = own or everywhere
        if is_strict and block is not None and instance.last("accept") is None and priority(instance) != OWNER:
            what = f"{instance.name} is in strict mode"
            consequence = (
                "keepalived drops all packets to the VIP by the firewall, ignores auth_pass and refuses unicast."
            )
            yield at(block, what, consequence, "Take vrrp_strict out: a VIP that is to serve has to accept packets.")
