"""How does a node lose its peers' adverts, or its addresses?"""

from __future__ import annotations

import json
import subprocess
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterable

    from rehearse.stage.node import Node

_MADE = ("macvlan", "ipvlan", "ipip")  # interfaces that keepalived makes


def deafen(name: str, sender: Node, receiver: Node, *, broken: bool) -> None:
    """Drop the VRRP that one node sends another on its way over their bridge, so that it also holds for VMACs."""
    network = sender.given["interfaces"][name]
    table = f"{_port(sender, name)}_{receiver.space}".replace("-", "_")
    if not broken:
        _nft(f"delete table bridge {table}")
        return
    lines = [f"add table bridge {table}", f"add chain bridge {table} f {{ type filter hook forward priority 0; }}"]
    for other in [it for it, number in receiver.given["interfaces"].items() if number == network]:
        way = f"add rule bridge {table} f iifname {_port(sender, name)} oifname {_port(receiver, other)}"
        lines += [f"{way} ip protocol 112 drop", f"{way} ip6 nexthdr 112 drop"]
    _nft("\n".join(lines))


def _port(node: Node, name: str) -> str:
    """Return the end of an interface on its bridge."""
    return f"p{node.space[1:]}-{[*node.given['interfaces']].index(name)}"


def _nft(lines: str) -> None:
    subprocess.run(["nft", "-f", "-"], input=lines, text=True, check=True, capture_output=True, timeout=60)


def lose(node: Node, vips: Iterable[str]) -> None:
    """Remove VIPs, and the interfaces that keepalived has made, as the end of a machine does."""
    gone, lines = {*vips}, []
    for link in _addresses(node):
        if link.get("linkinfo", {}).get("info_kind") in _MADE:
            lines.append(f"link del dev {link['ifname']}")
            continue
        held = [it for it in link.get("addr_info", ()) if it.get("local") in gone]
        lines += [f"address del {it['local']}/{it['prefixlen']} dev {link['ifname']}" for it in held]
    subprocess.run(
        [*_inside(node), "ip", "-force", "-batch", "-"],
        input="\n".join(lines) + "\n",
        text=True,
        check=False,  # where an address goes its secondaries go with it
        capture_output=True,
        timeout=60,
    )


def _addresses(node: Node) -> list[dict[str, Any]]:
    said = subprocess.run([*_inside(node), "ip", "-d", "-j", "address"], check=True, capture_output=True, timeout=60)
    found: list[dict[str, Any]] = json.loads(said.stdout or b"[]")
    return found


def _inside(node: Node) -> tuple[str, ...]:
    return "nsenter", f"--net=/run/netns/{node.space}"
