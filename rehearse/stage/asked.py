"""Which VIPs does the client of a stage ask, from which addresses, and which services go with a fault?"""

from __future__ import annotations

from ipaddress import ip_interface
from typing import TYPE_CHECKING, Any, NamedTuple

from rehearse.model.faults import HANGS
from rehearse.model.parts import parts, virtual_routers
from rehearse.stage.request import TCP
from rehearse.stage.seen import depends

if TYPE_CHECKING:
    from collections.abc import Sequence

    from rehearse.model.cluster import Cluster
    from rehearse.model.faults import Fault
    from rehearse.model.parts import Part

_MOST = 16  # VIPs that one client asks: of more it takes some
_PORT = 61001  # of the first stand-in service: above the ports that the kernel gives to clients
_GATEWAYS, _HOSTS = 20, 64  # from the end of a network: its last addresses are often those of gateways


class Ask(NamedTuple):
    """A VIP that is asked, and the instances of its virtual router.

    ``port`` is that of a virtual server, ``speaks`` how it is asked: see request.py.
    """

    vip: str
    device: str
    router: Part
    port: int = 0
    speaks: str = TCP


def asks(cluster: Cluster) -> list[Ask]:
    """Return one VIP of each virtual router and family, and some of them where there are many."""
    found = []
    for part in parts(cluster):
        for router in virtual_routers(cluster, part):
            vips = [vip for place, number in router for vip in cluster.nodes[place].instances[number].vips]
            families = {":" in address: (address, device) for address, device in reversed(vips) if device != "lo"}
            found += [Ask(*families[six], router) for six in sorted(families)]
    step = max(1, -(-len(found) // _MOST))
    return found[::step]


def add_client(cluster: Cluster, order: dict[str, Any], faults: Sequence[Fault], more: Sequence[Ask] = ()) -> None:
    """Add to an order what the client asks, its addresses, the routes to it, and which services go with each fault."""
    found = [*asks(cluster), *more]
    nodes = order["nodes"]
    order["asks"] = [
        {
            "vip": it.vip,
            "network": _network(nodes, cluster, it),
            "port": it.port or _PORT + number,
            "speaks": it.speaks,
            "nodes": [] if it.port else _places(it),
        }
        for number, it in enumerate(found)
    ]
    used = {ip_interface(it).ip for node in nodes for entries in node["addresses"].values() for it in entries}
    used |= {ip_interface(it).ip for it in (*order["vips"], *order["taken"])}
    order["clients"] = {}
    for node in nodes:
        node["routes"] = {name: [] for name in node["interfaces"]}
    for network in sorted({it["network"] for it in order["asks"]}):
        held = [entries for node in nodes for entries in _on(node, network).values()]
        four = _free([it for entries in held for it in entries if ":" not in it], used)
        own = [*([four] if four else []), f"fd00:5e5e:{network:x}::c1/64"]
        order["clients"][str(network)] = own
        for node in nodes:
            for name, entries in _on(node, network).items():
                near = [ip_interface(it).network for it in entries]
                hosts = [ip_interface(it).ip for it in own]
                node["routes"][name] = [str(host) for host in hosts if not any(host in it for it in near)]
    for entry, fault in zip(order["faults"], faults, strict=True):
        entry["sick"] = [
            [place, number, fault.kind in HANGS]
            for number, it in enumerate(found)
            for place in (() if it.port else fault.nodes)
            if depends(cluster, it.router, place, fault)
        ]


def _places(ask: Ask) -> list[int]:
    return sorted({place for place, _ in ask.router})


def _network(nodes: Sequence[dict[str, Any]], cluster: Cluster, ask: Ask) -> int:
    for place, number in ask.router:
        instance = cluster.nodes[place].instances[number]
        if any(vip == ask.vip and device == ask.device for vip, device in instance.vips):
            return int(nodes[place]["interfaces"][ask.device])
    raise AssertionError("unreachable")


def _on(node: dict[str, Any], network: int) -> dict[str, list[str]]:
    """Return the interfaces of a node on a network, with their addresses."""
    return {name: node["addresses"][name] for name, number in node["interfaces"].items() if number == network}


def _free(held: Sequence[str], used: set[Any]) -> str:
    """Return an address beside those of the nodes that nobody has, nothing where there is none."""
    for it in held:
        network = ip_interface(it).network
        for number in (*range(_GATEWAYS, _HOSTS), *range(2, _GATEWAYS)):
            if number < network.num_addresses and network[-number] not in used:
                return f"{network[-number]}/{network.prefixlen}"
    return ""
