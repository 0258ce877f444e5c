"""Do this node and its peers agree on what both must know?"""

from __future__ import annotations

from itertools import pairwise
from typing import TYPE_CHECKING

from doctor.case import Case, Findings, rule
from doctor.finding import ERROR, WARNING, at
from doctor.tracking import counterparts, family, priority, vips
from vipwarden.node.keepalived.vips import plain_address

if TYPE_CHECKING:
    from collections.abc import Iterator

    from vipwarden.node.keepalived.conf import Block

PASSWORD = 8  # characters that count
_VIPS = "virtual_ipaddress"
_SYNC = "lvs_sync_daemon"


@rule("peer-disagrees", ERROR)
def peer_disagrees(case: Case) -> Findings:
    """Peers whose instance has other VIPs, another advert_int or password, or the same priority."""
    pairs = [
        (conf, instance, other)
        for conf in case.peers.configurations
        for instance in case.instances
        for other in counterparts(conf, instance)
    ]
    for conf, instance, other in pairs:
        for name, own, theirs in _compared(case.conf, instance, conf, other):
            if own != theirs:
                what = f"{instance.name} has {name} {own or 'none'}, {other.name} of the peer {theirs or 'none'}"
                consequence = "The nodes ignore each other's adverts: two of them may hold the VIP."
                is_logged = name == _VIPS and not case.is_version("0.0.0", "2.3.2")
                if is_logged:
                    consequence = (
                        f"{case.running} only logs it: after a handover the other addresses are gone. A peer up to "
                        "2.3.2 ignores the adverts, and both nodes hold the VIPs."
                    )
                fix = f"Make {name} the same on all nodes."
                yield at(instance, what, consequence, fix, WARNING if is_logged else "")
        if priority(instance) == priority(other):
            what = f"{instance.name} and its peer have the same priority, {priority(instance)}"
            consequence = "The higher address wins, and weights have no clear order to work on."
            yield at(instance, what, consequence, "Give each node its own priority.", WARNING)


def _compared(conf: Block, instance: Block, peer: Block, other: Block) -> Iterator[tuple[str, str, str]]:
    yield _VIPS, _addresses(instance), _addresses(other)
    yield "transport", _way(instance), _way(other)
    own, theirs = _version(conf, instance), _version(peer, other)
    yield "vrrp_version", own, theirs
    if "3" in (own, theirs):  # a backup uses the interval of the advert, and there are no passwords
        return
    yield "advert_int", instance.value("advert_int") or "1", other.value("advert_int") or "1"
    own, theirs = _password(instance), _password(other)
    yield "auth_pass", "one password", "one password" if own == theirs else "another" if theirs else "none"


def _way(instance: Block) -> str:
    return "unicast" if any(peers.blocks for peers in instance.named("unicast_peer")) else "multicast"


def _version(conf: Block, instance: Block) -> str:
    """Return the version of VRRP: that of the instance, else that of global_defs, else 2; IPv6 is always 3."""
    everywhere = [value for defs in conf.named("global_defs") if (value := defs.value("vrrp_version"))]
    return "3" if family(instance) == "IPv6" else instance.value("version") or (everywhere or ["2"])[-1]


def _password(instance: Block) -> str:
    """Return the part of the password that counts; it is compared and never shown."""
    return next((block.value("auth_pass")[:PASSWORD] for block in instance.named("authentication")), "")


def _addresses(instance: Block) -> str:
    return " ".join(sorted(plain_address(vip) or vip.partition("/")[0] for vip in vips(instance)))


@rule("sync-daemon-peer", ERROR)
def sync_daemon_peer(case: Case) -> Findings:
    """Peers whose IPVS sync daemon has another syncid, port or group."""
    line = case.setting(_SYNC)
    own = _synced(case.conf, line)
    for conf in case.peers.configurations:
        theirs = _synced(conf, next((it for defs in conf.named("global_defs") for it in defs.named(_SYNC)), None))
        for name, value in own.items() if line is not None and theirs else ():
            if value != theirs[name]:
                what = f"{_SYNC} has {name} {value}, that of the peer {theirs[name]}"
                consequence = "The nodes ignore each other's connections: a handover breaks all that are open."
                yield at(line or conf, what, consequence, f"Give both the same {name}.")


def _synced(conf: Block, line: Block | None) -> dict[str, str]:
    """Return syncid, port and group of ``lvs_sync_daemon INTERFACE INSTANCE ...``; nothing where one is not known."""
    words = line.words[2:] if line is not None else []
    vrids = {it.name: it.value("virtual_router_id") for it in conf.named("vrrp_instance")}
    given = dict(pairwise(words))
    old = next((word for word in words[1:2] if word.isdigit()), "")
    syncid = given.get("id") or old or vrids.get(words[0] if words else "", "")
    known = {"id": syncid, "port": given.get("port", "8848"), "group": given.get("group", "224.0.0.81")}
    return known if syncid else {}
