"""How does a fault come to nodes that have come to rest, and how does it end?"""

from __future__ import annotations

import time
from math import ceil
from typing import TYPE_CHECKING, Any

from rehearse.model.faults import REAL
from rehearse.stage.breaks import crashed, process, restored
from rehearse.stage.fault import hit

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from rehearse.stage.client import Client
    from rehearse.stage.loop import Loop
    from rehearse.stage.node import Node
    from rehearse.stage.reals import RealServers

_OFTEN = 0.1  # seconds
_MOST = 2.5  # times as long as planned may a busy machine take


def play(
    fault: dict[str, Any], nodes: list[Node], vips: list[str], client: Client, behind: RealServers, loop: Loop
) -> dict[str, float]:
    """Start the nodes, break, mend; return the times, and by how many seconds it took longer than planned."""

    def strike(*, broken: bool) -> None:
        loop.ask(lambda: client.hit(fault["sick"], broken=broken))
        if fault["tracker"] == REAL:
            behind.hit(fault, broken=broken)
        else:
            hit(fault, nodes, vips, broken=broken)

    times = {"begun": time.monotonic()}
    loop.ask(client.begin)
    loop.ask(behind.tables.begin)
    for node in sorted(nodes, key=lambda it: float(it.given["later"])):
        time.sleep(max(0.0, times["begun"] + node.given["later"] - time.monotonic()))
        node.start()
    _wait(fault["begin"])
    look(nodes)
    for node in nodes:
        if why := crashed(node):  # later on it is an outcome
            raise OSError(f"keepalived crashes on {node.given['name']}: {why}")
    ended = [node.given["name"] for node in nodes if not node.is_running()]
    if ended:
        raise OSError(f"keepalived has ended on {' and '.join(ended)}")
    if "first" in fault:  # another fault, which lasts when this one comes
        hit(fault["first"], nodes, vips, broken=True)
        _wait(fault["first"]["during"])
    for node in nodes:
        node.mark()
    times["hit"] = time.monotonic()
    strike(broken=True)
    _last(fault, nodes, times["hit"], lambda sick: loop.ask(lambda: client.hit(sick, broken=False)))
    for node in nodes:
        node.cut()
    times["mended"] = time.monotonic()
    strike(broken=False)
    if "first" in fault:
        hit(fault["first"], nodes, vips, broken=False)
    _wait(fault["after"])
    times["end"] = time.monotonic()
    times["stalled"] = times["end"] - times["hit"] - fault["during"] - fault["after"]
    look(nodes)
    return times


def _ticks(seconds: float) -> Iterator[float]:
    """Wait, and yield from time to time how long still: what a busy machine takes longer for a tick does not count."""
    latest = time.monotonic() + _MOST * seconds
    ticks = ceil(seconds / _OFTEN)
    for left in range(ticks - 1, -1, -1):
        if time.monotonic() < latest:
            time.sleep(seconds / ticks)
            yield left * seconds / ticks


def _wait(seconds: float) -> None:
    for _ in _ticks(seconds):
        pass


def look(nodes: list[Node]) -> None:
    """Raise OSError where what is seen of a node is no outcome."""
    for node in nodes:
        most = next((most for _, word, most in node.held.notes() if word == "over"), "")
        if most:
            name = node.given["name"]
            raise OSError(f"{name} had more than {most} processes, and all were ended: what do its scripts start?")


def _last(fault: dict[str, Any], nodes: list[Node], hit: float, mend: Callable[[list[Any]], None]) -> None:
    """Wait for the end of a fault; where a script restarts its service, clients are served again."""
    again: set[int] = set()
    asks = any(process(nodes[it], fault) for it in fault["nodes"])
    for left in _ticks(fault["during"]):
        for place in {*fault["nodes"]} - again if asks and left > _OFTEN else ():
            if restored(nodes[place], fault, hit) is not None:
                again.add(place)
                mend([it for it in fault["sick"] if it[0] == place])
