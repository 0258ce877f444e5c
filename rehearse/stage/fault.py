"""How does a fault come to the nodes of a stage, and how does it end?"""

from __future__ import annotations

import signal
from typing import TYPE_CHECKING, Any

from rehearse.model.cluster import FILE, INTERFACE, SCRIPT
from rehearse.model.faults import DEAF, FREEZE, KILL, POWER, STOP

if TYPE_CHECKING:
    from collections.abc import Sequence

    from rehearse.stage.node import Node

_SIGNALS = {STOP: signal.SIGTERM, KILL: signal.SIGKILL, FREEZE: signal.SIGSTOP}
_TABLE = "rehearse"


def hit(fault: dict[str, Any], nodes: Sequence[Node], vips: Sequence[str], *, broken: bool) -> None:
    """Break, or mend."""
    hits = [nodes[place] for place in fault["nodes"]]
    if fault["kind"] == DEAF:
        for sender, receiver in [hits, hits[::-1]][: 1 + fault["both"]]:
            _filter(fault["name"], sender, receiver, broken=broken)
        return
    for node in hits:
        if fault["tracker"] == SCRIPT:
            node.set_script(fault["name"], fault["kind"], broken=broken)
        elif fault["tracker"] == FILE:
            node.set_file(fault["name"], fault["value"] if broken else 0)
        elif fault["tracker"] == INTERFACE:
            node.link(fault["name"], up=not broken)
        elif fault["kind"] == POWER:
            _power(node, vips, broken=broken)
        elif broken:
            node.signal(_SIGNALS[fault["kind"]])
        elif fault["kind"] == FREEZE:
            node.signal(signal.SIGCONT)
        else:
            node.start()


def _power(node: Node, vips: Sequence[str], *, broken: bool) -> None:
    for name in node.given["interfaces"]:
        node.link(name, up=not broken)
    if broken:
        node.signal(signal.SIGKILL)
        node.lose(vips)
    else:
        node.start()


def _filter(name: str, sender: Node, receiver: Node, *, broken: bool) -> None:
    """Drop what one node sends as VRRP where it reaches the other."""
    if not broken:
        receiver.run("nft", f"delete table inet {_TABLE}")
        return
    own = [it.partition("/")[0] for it in sender.given["addresses"][name]]
    four = ", ".join(it for it in own if ":" not in it)
    rules = [
        f"add table inet {_TABLE}",
        f"add chain inet {_TABLE} in {{ type filter hook input priority 0; }}",
        f"add rule inet {_TABLE} in iifname {name} ip6 nexthdr 112 drop",  # from a link-local address
        *([f"add rule inet {_TABLE} in iifname {name} ip saddr {{ {four} }} ip protocol 112 drop"] if four else []),
    ]
    receiver.run("nft", "; ".join(rules))
