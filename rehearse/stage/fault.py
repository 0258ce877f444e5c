"""How does a fault come to the nodes of a stage, and how does it end?"""

from __future__ import annotations

import signal
from typing import TYPE_CHECKING, Any

from rehearse.model.cluster import FILE, INTERFACE, PROCESS, SCRIPT
from rehearse.model.faults import BACK, DEAF, FORWARD, FREEZE, FULL, KILL, POWER, STOP
from rehearse.stage.breaks import break_part
from rehearse.stage.clock import step
from rehearse.stage.disk import fill
from rehearse.stage.wire import deafen, lose

if TYPE_CHECKING:
    from collections.abc import Sequence

    from rehearse.stage.node import Node

_HOUR = 3600  # seconds
_STEPS = {FORWARD: _HOUR, BACK: -_HOUR}
_SIGNALS = {STOP: signal.SIGTERM, KILL: signal.SIGKILL, FREEZE: signal.SIGSTOP}


def hit(fault: dict[str, Any], nodes: Sequence[Node], vips: Sequence[str], *, broken: bool) -> None:
    """Break, or mend."""
    hits = [nodes[place] for place in fault["nodes"]]
    if fault["kind"] == DEAF:
        for sender, receiver in [hits, hits[::-1]][: 1 + fault["both"]]:
            deafen(fault["name"], sender, receiver, broken=broken)
        return
    if fault["kind"] in _STEPS:
        step(fault["clock"], _STEPS[fault["kind"]] if broken else 0, fault["during"])
        return
    for node in hits:
        if fault["part"] or fault["tracker"] == PROCESS:
            break_part(node, fault, broken=broken)
        elif fault["tracker"] == SCRIPT:
            node.set_script(fault["name"], fault["kind"], broken=broken)
        elif fault["tracker"] == FILE:
            node.set_file(fault["name"], fault["value"] if broken else 0)
        elif fault["tracker"] == INTERFACE:
            node.link(fault["name"], up=not broken)
        elif fault["kind"] == FULL:
            fill(node, broken=broken)
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
        lose(node, vips)
    else:
        node.start()
