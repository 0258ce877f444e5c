"""Where do the real servers of a stage stand, and how do their replies get back?"""

from __future__ import annotations

from hashlib import md5
from ipaddress import ip_address, ip_interface
from pathlib import Path
from typing import TYPE_CHECKING, Any

from rehearse.real import MOST_ASKED, fields
from rehearse.stage.asked import Ask
from rehearse.stage.request import DNS, TCP, UDP

if TYPE_CHECKING:
    from collections.abc import Sequence

    from rehearse.model.cluster import Cluster
    from rehearse.model.faults import Fault
    from rehearse.real import Reals, Service

_MARGIN = 5.0  # seconds beyond what the checkers need
_SECONDS = 1000


def services(cluster: Cluster, found: Reals) -> list[tuple[Service, Ask]]:
    """Return the virtual servers whose VIP an instance has, and what the client asks of them."""
    asked: list[tuple[Service, Ask]] = []
    for service in found.services:
        router = [
            (place, number, device)
            for place, node in enumerate(cluster.nodes)
            for number, it in enumerate(node.instances)
            for vip, device in it.vips
            if vip == service.vip
        ]
        if router and len(asked) < MOST_ASKED:
            ask = Ask(service.vip, router[0][2], [it[:2] for it in router], service.port, _speaks(found, service))
            asked.append((service, ask))
    return asked


def _speaks(found: Reals, service: Service) -> str:
    if service.protocol == "TCP":
        return TCP
    ports = [it for host in service.hosts for it in found.hosts.get(host, ()) if it.protocol == "udp"]
    own = [it for it in ports if any(name.endswith(f":{it.port}") for name in service.servers)]
    return DNS if service.port == 53 or any(it.dns for it in own) else UDP


def add_reals(order: dict[str, Any], cluster: Cluster, found: Reals, faults: Sequence[Fault]) -> None:
    """Add the real servers, their addresses and ways, and their faults to an order."""
    body = "".join(f"{it}\n" for it in ("rehearsed", *dict.fromkeys(found.texts)))
    order["body"] = body
    order["reals"] = [{"address": address, "ports": ports} for address, ports in fields(found)]
    for real in order["reals"]:
        _place(order, cluster, found, real)
    page = md5(body.encode(), usedforsecurity=False).hexdigest()
    for place, node in enumerate(order["nodes"]):
        node["digests"] = [[_inside(node, path), old, page] for it, path, old in found.digests if it == place]
        node["virtual_servers"] = bool(found.services)
    begin = max(order["begin"], found.starts / _SECONDS + _MARGIN)
    for fault in faults:
        lasts = found.learns / _SECONDS + _MARGIN
        more = {"value": 0, "begin": begin, "during": lasts, "after": lasts, "sick": []}
        order["faults"].append({**fault._asdict(), **more})


def _place(order: dict[str, Any], cluster: Cluster, found: Reals, real: dict[str, Any]) -> None:
    """Put a real server on the network of its address, else on that of its first VIP."""
    address = ip_address(real["address"])
    own = [it for it in found.services if real["address"] in it.hosts]
    known = {it.vip for it in own}
    vips = [
        (vip, order["nodes"][place]["interfaces"].get(device))
        for place, node in enumerate(cluster.nodes)
        for it in node.instances
        for vip, device in it.vips
    ]
    near = [
        (number, ip_interface(it).network.prefixlen)
        for node in order["nodes"]
        for name, number in node["interfaces"].items()
        for it in node["addresses"][name]
        if address in ip_interface(it).network
    ]
    fronts = [number for vip, number in vips if vip in known and number is not None]
    network, length = near[0] if near else (fronts[0] if fronts else 0, address.max_prefixlen)
    family = [vip for vip, number in vips if number == network and (":" in vip) is (address.version == 6)]
    direct = [it.vip for it in own if it.kind in ("DR", "TUN")]
    real.update(
        network=network,
        length=length,
        front=fronts[0] if fronts else network,
        vips=direct,
        tunnel=any(it.kind == "TUN" for it in own),
        gateway=next((vip for vip in family if vip not in known), next(iter(family), "")) if not direct else "",
        nodes=[],
    )
    for node in order["nodes"]:
        for name, number in node["interfaces"].items():
            if number != network:
                continue
            if not any(address in ip_interface(it).network for it in node["addresses"][name]):
                node["routes"][name].append(real["address"])
            real["nodes"] += [str(ip_interface(it).ip) for it in node["addresses"][name]]


def _inside(node: dict[str, Any], path: str) -> str:
    """Return the path of a file as the node sees it."""
    try:
        return str(Path(node["at"]) / Path(path).resolve().relative_to(node["over"]))
    except ValueError:
        return path
