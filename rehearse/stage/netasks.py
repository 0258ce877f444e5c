"""Which addresses and ports does a node ask? Seen by nftables where packets leave."""

from __future__ import annotations

import json
import subprocess
from typing import TYPE_CHECKING, Any, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Iterable

    from rehearse.stage.node import Node

_TABLE = "inet asks"
_EPHEMERAL = 32768
PING, SOCKET = "ping", "socket"
_FAMILIES = (
    ("four", "ipv4_addr", "ip", "icmp type echo-request"),
    ("six", "ipv6_addr", "ip6", "icmpv6 type echo-request"),
)


class Ask(NamedTuple):
    """What is asked: tcp, udp, ping or socket; the address, empty where it is the node's own, or path; the port."""

    protocol: str
    address: str
    port: int

    @property
    def text(self) -> str:
        """What it is in words."""
        if self.protocol == SOCKET:
            return f"socket {self.address}"
        if self.protocol == PING:
            return f"address {self.address}"
        place = f"[{self.address}]:" if ":" in self.address else f"{self.address}:" * bool(self.address)
        return f"port {place}{self.port}{'/udp' * (self.protocol == 'udp')}"


def watch(node: Node, own: Iterable[str]) -> None:
    """Note from now on what is asked; what is not on one of the own addresses is refused at once."""
    table = f"add table {_TABLE}"
    rules = [table, f"add chain {_TABLE} out {{ type filter hook output priority 0; }}"]
    addresses, rule = [*own], f"add rule {_TABLE} out"
    for name, kind, header, echo in _FAMILIES:
        here = [it for it in addresses if (":" in it) is (name == "six")]
        elements = f"elements = {{ {', '.join(here)} }};" if here else ""
        absent = f"{header} daddr != @here{name} {header} daddr != @also{name}"
        noted = f"update @{name} {{ {header} daddr . meta l4proto . th dport }}"
        rules += [
            f"add set {_TABLE} {name} {{ type {kind} . inet_proto . inet_service; size 4096; flags dynamic; }}",
            f"add set {_TABLE} pings{name} {{ type {kind}; size 256; flags dynamic; }}",
            f"add set {_TABLE} here{name} {{ type {kind}; flags interval; auto-merge; {elements} }}",
            f"{rule} tcp flags & (syn | ack) == syn {noted}",
            f"{rule} meta l4proto udp {noted}",
            f"{rule} {echo} update @pings{name} {{ {header} daddr }}",
            f"add set {_TABLE} also{name} {{ type {kind}; }}",
            f"{rule} {absent} meta l4proto tcp reject with tcp reset",
            f"{rule} {absent} meta l4proto {{ udp, icmp, icmpv6 }} reject",
        ]
    node.run("nft", ";".join(rules))


def admit(node: Node, address: str) -> None:
    """Let an address be asked."""
    name = "six" if ":" in address else "four"
    node.run("nft", f"add element {_TABLE} also{name} {{ {address} }}")


def refuse(node: Node, address: str) -> None:
    """Let an address be refused again."""
    name = "six" if ":" in address else "four"
    node.run("nft", f"delete element {_TABLE} also{name} {{ {address} }}")


def forget(node: Node) -> None:
    """Begin anew to note what is asked."""
    node.run("nft", ";".join(f"flush set {_TABLE} {kind}{name}" for name, *_ in _FAMILIES for kind in ("", "pings")))


def seen(node: Node) -> set[Ask]:
    """Return what was asked so far."""
    found = set()
    for name, *_ in _FAMILIES:
        for address, protocol, port in _elements(node, name):
            number = {"tcp": "tcp", "udp": "udp", 6: "tcp", 17: "udp"}.get(protocol)
            if number is not None and not (number == "udp" and int(port) >= _EPHEMERAL):  # else a reply
                found.add(Ask(number, str(address), int(port)))
        found |= {Ask(PING, str(it), 0) for it in _elements(node, f"pings{name}")}
    return found


def _elements(node: Node, name: str) -> list[Any]:
    command = ["nsenter", f"--net=/run/netns/{node.space}", "nft", "-j", "-n", "list", "set", *_TABLE.split(), name]
    ran = subprocess.run(command, capture_output=True, check=True, timeout=30)
    sets = [it["set"] for it in json.loads(ran.stdout)["nftables"] if "set" in it]
    items = [it.get("elem", it) if isinstance(it, dict) else it for found in sets for it in found.get("elem", [])]
    items = [it["val"] if isinstance(it, dict) and "val" in it else it for it in items]
    return [it["concat"] if isinstance(it, dict) and "concat" in it else it for it in items]
