"""What in a keepalived.conf changes who holds a VIP, and the model does not know it?"""

from __future__ import annotations

from typing import TYPE_CHECKING

from rehearse.stage.processes import tracked

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from vipwarden.node.keepalived.conf import Block

_VMAC = "an interface of its own for the VIPs: it fails with its parent alone"
_ROUTES = "a route that the kernel loses is FAULT"
_BFD = "a BFD session that ends is FAULT, or changes the priority"
_CHECKSUM = "nodes that differ in it do not hear each other"
_DEBOUNCE = "a change of an interface is seen later, or not at all"
_LATE = "a MASTER that was late for its own adverts yields"
_OWNER = "an owner of the address takes no adverts"
_IN_INSTANCE = {
    "use_vmac": _VMAC,
    "use_vmac_addr": _VMAC,
    "use_ipvlan": _VMAC,
    "track_bfd": _BFD,
    "virtual_routes": _ROUTES,
    "track_src_ip": "without its source address it is FAULT",
    "unicast_fault_no_peer": "without a peer that can be reached it is FAULT",
    "linkbeat_use_polling": _DEBOUNCE,
    "old_unicast_checksum": _CHECKSUM,
    "v3_checksum_as_v2": _CHECKSUM,
    "timer_expired_backup": _LATE,
    "thread_timer_expired": _LATE,
    "owner_ignore_adverts": _OWNER,
    "vrf": "nodes in different VRFs do not hear each other",
}
_IN_GROUP = {"track_bfd": _BFD}
_IN_GLOBALS = {
    "linkbeat_use_polling": _DEBOUNCE,
    "v3_checksum_as_v2": _CHECKSUM,
    "vrrp_owner_ignore_adverts": _OWNER,
    "startup_script": "keepalived starts when it has ended",
}
_AT_TOP = {"linkbeat_interfaces": _DEBOUNCE, "interface_up_down_delays": _DEBOUNCE}
_MOST = 50


def unmodelled(confs: Sequence[tuple[str, Block]]) -> list[str]:
    """Return a line for each keyword of each node, at the place where it is written first; at most 50."""
    found: dict[tuple[str, str], str] = {}
    for name, conf in confs:
        for block, keyword, why in _known_not(conf):
            said = f"{block.path}:{block.number}: the model does not know {keyword} ({why})"
            found.setdefault((name, keyword), said)
    never = [f"{it.never}; the model takes it for found" for _, conf in confs for it in tracked(conf) if it.never]
    return [*found.values(), *never][:_MOST]


def _known_not(conf: Block) -> Iterator[tuple[Block, str, str]]:
    holders = ((_IN_INSTANCE, "vrrp_instance"), (_IN_GROUP, "vrrp_sync_group"), (_IN_GLOBALS, "global_defs"))
    yield from ((it, it.words[0], _AT_TOP[it.words[0]]) for it in conf.blocks if it.words[0] in _AT_TOP)
    for reasons, keyword in holders:
        for holder in conf.named(keyword):
            for it in holder.blocks:
                why = reasons.get(it.words[0])
                if why is not None and it.name not in ("false", "no", "off"):
                    yield it, it.words[0], why
                for line in it.blocks if it.words[0] == "unicast_peer" and reasons is _IN_INSTANCE else ():
                    for ttl in {"min_ttl", "max_ttl"}.intersection(line.words):
                        yield line, ttl, "adverts with another TTL are dropped"
