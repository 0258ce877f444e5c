"""Which network and which addresses has each interface of a node on a stage?"""

from __future__ import annotations

import re
from ipaddress import ip_interface, ip_network
from itertools import pairwise
from typing import TYPE_CHECKING

from rehearse.model.cluster import links
from vipwarden.node.keepalived.lines import ConfError
from vipwarden.node.keepalived.vips import plain_address

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from rehearse.model.cluster import Cluster, Node
    from vipwarden.node.keepalived.conf import Block


_LISTS = ("virtual_ipaddress", "virtual_ipaddress_excluded")


def interfaces(cluster: Cluster, node: Node) -> list[str]:
    """Return those that carry VRRP or a VIP, or are tracked; raises ConfError."""
    own = [name for it in node.instances for name in (it.interface, *(device for _, device in it.vips))]
    tracked = [link.name for it in node.instances for link in links(cluster, node, it) if link.kind == "interface"]
    names = [it for it in dict.fromkeys((*own, *tracked)) if it != "lo"]
    wrong = next((it for it in names if not re.fullmatch(r"[\w.:@-]{1,15}", it, re.ASCII) or it in (".", "..")), None)
    if wrong is not None:
        raise ConfError(f"{node.name}: {wrong!r} is no name of an interface")
    return names


def networks(cluster: Cluster) -> dict[tuple[int, str], int]:
    """Return the number of the network of each interface: that of the same virtual router, else of the same name."""
    found: dict[tuple[int, str], int] = {}
    routers: dict[tuple[int, str], int] = {}
    names: dict[str, int] = {}
    for place, node in enumerate(cluster.nodes):
        for it in node.instances:
            number = found.get((place, it.interface), routers.get((it.vrid, it.family)))
            number = names.setdefault(it.interface, len({*names.values()})) if number is None else number
            found[place, it.interface] = routers[it.vrid, it.family] = number
            names.setdefault(it.interface, number)
        for name in interfaces(cluster, node):
            if (place, name) not in found:
                found[place, name] = names.setdefault(name, len({*names.values()}))
    return found


def addresses(
    cluster: Cluster, confs: Sequence[tuple[str, str, Block]], numbers: dict[tuple[int, str], int]
) -> dict[tuple[int, str], list[str]]:
    """Return the addresses of the interfaces: those that are written, else one in the network of a VIP.

    IPv6 alone where there are real servers by IPv6: VRRP goes from link-local addresses.
    """
    families = (False, True) if any(":" in it for _, _, conf in confs for it in _reals(conf)) else (False,)
    found: dict[tuple[int, str], list[str]] = {}
    for place, (_, _, conf) in enumerate(confs):
        for block, it in zip(conf.named("vrrp_instance"), cluster.nodes[place].instances, strict=True):
            for address in _written(place, block, confs, it.vrid):
                length = _length(address, conf)
                found.setdefault((place, it.interface), []).append(f"{address}/{length}")
    for (place, name), number in numbers.items():
        known = found.setdefault((place, name), [])
        lacks = [six for six in families if not any((":" in it) is six for it in known)]
        known += [_free(place, number, name, confs[place][2], six=six) for six in lacks]
    return {key: [*dict.fromkeys(it)] for key, it in found.items()}


def _written(place: int, block: Block, confs: Sequence[tuple[str, str, Block]], vrid: int) -> Iterator[str]:
    own = plain_address(block.value("unicast_src_ip") or block.value("mcast_src_ip"))
    if own:
        yield own
        return
    for other, (_, _, conf) in enumerate(confs):
        for peer in conf.named("vrrp_instance") if other != place and len(confs) == 2 else ():
            if peer.value("virtual_router_id") == str(vrid):
                lines = [line.words[0] for peers in peer.named("unicast_peer") for line in peers.blocks]
                yield from filter(None, (plain_address(it) for it in lines[:1]))


def _length(address: str, conf: Block) -> int:
    for vip, _ in _vips(conf):
        network = ip_interface(vip).network
        if network.num_addresses > 2 and ip_interface(address).ip in network:
            return network.prefixlen
    return 64 if ":" in address else 24


def _free(place: int, number: int, name: str, conf: Block, *, six: bool) -> str:
    for vip in (vip for vip, device in _vips(conf) if device == name):
        network = ip_interface(vip).network
        if (":" in vip) is six and network.num_addresses > 16:
            taken = {ip_interface(it).ip for it in (*(vip for vip, _ in _vips(conf)), *_reals(conf))}
            hosts = [it for it in (network[-2 - number] for number in range(12)) if it not in taken]
            return f"{hosts[-1 - place]}/{network.prefixlen}"  # later nodes are higher
    if six:
        return f"fd00:5e5e:{number:x}::{place + 1:x}/64"
    return f"{ip_network('198.18.0.0/15')[256 * number + place + 1]}/24"


def _reals(conf: Block) -> Iterator[str]:
    for block in conf.named("virtual_server"):
        yield from filter(None, (plain_address(it.name) for it in block.named("real_server", "sorry_server")))


def _vips(conf: Block) -> Iterator[tuple[str, str]]:
    """Yield each VIP with its prefix length, and its interface."""
    for block in conf.named("vrrp_instance"):
        for line in (line for vips in block.named(*_LISTS) for line in vips.blocks):
            address, _, length = line.words[0].partition("/")
            if plain_address(address) and (not length or length.isdigit()):
                device = dict(pairwise(line.words)).get("dev") or block.value("interface")
                yield f"{plain_address(address)}/{length or (128 if ':' in address else 32)}", device
