"""What do real keepalived do in each fault? Run by ``apart.py`` in namespaces of its own, with an order on its input.

It writes a line of JSON for each fault as soon as it is through.
"""

from __future__ import annotations

import json
import os
import resource
import subprocess
import sys
import threading
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

from rehearse.stage.breaks import failed, noticed, restored
from rehearse.stage.build import certificate, set_up, set_up_client, stages
from rehearse.stage.client import Client, Ears
from rehearse.stage.held import PRIORITY, Held
from rehearse.stage.loop import Loop
from rehearse.stage.observe import Observer
from rehearse.stage.play import play
from rehearse.stage.reals import RealServers
from rehearse.stage.watch import Watch

if TYPE_CHECKING:
    from collections.abc import Callable

    from rehearse.stage.node import Node

_LATE = 4  # exit code where something hangs
_SETTLE = 2.0  # seconds until bridges pass what they get


def _fail(error: threading.ExceptHookArgs) -> None:
    """End all with the first thread that fails: the others would wait for it."""
    threading.__excepthook__(error)
    sys.stderr.flush()
    os._exit(1)


def observe(order: dict[str, Any], nodes: list[Node]) -> None:
    """Write a line for each node: which of its scripts run as they are."""
    write = threading.Lock()
    addresses = [{at.partition("/")[0] for it in node.given["addresses"].values() for at in it} for node in nodes]

    def one(place: int) -> None:
        node = nodes[place]
        said: dict[str, Any] = {"node": place}
        try:
            set_up(node)
            peers = set().union(*(it for other, it in enumerate(addresses) if other != place))
            said["observed"] = Observer(node, order["vips"], peers).observe()
        except (OSError, subprocess.SubprocessError) as error:
            said["error"] = _why(error)
        node.end()
        with write:
            sys.stdout.write(json.dumps(said) + "\n")
            sys.stdout.flush()

    _all(one, len(nodes))


def _all(one: Callable[[int], None], count: int) -> None:
    threads = [threading.Thread(target=one, args=(number,)) for number in range(count)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()


def _why(error: Exception) -> str:
    """Return what failed, and what it said."""
    if not isinstance(error, subprocess.CalledProcessError):
        return str(error)
    words = error.cmd if isinstance(error.cmd, str) else " ".join(error.cmd)
    said = error.stderr.decode("utf-8", "replace") if isinstance(error.stderr, bytes) else ""
    return f"`{words}` failed: {said.strip() or f'exit code {error.returncode}'}"


def _order() -> dict[str, Any]:
    """Return what is to be done, and provide for all stages: descriptors, a certificate, adverts in time."""
    _, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))
    Path("/run/netns").mkdir(exist_ok=True)
    Held.certificate = certificate()
    urgent = ("chrt", "-f", str(PRIORITY))
    if not subprocess.run([*urgent, "true"], check=False, stderr=subprocess.DEVNULL).returncode:
        Held.urgent = urgent
    order: dict[str, Any] = json.load(sys.stdin)
    return order


def main() -> None:
    """Rehearse the faults, some at a time, or only look what the scripts ask."""
    threading.excepthook = _fail
    order = _order()
    made = stages(order)
    late = threading.Timer(order["most"], os._exit, [_LATE])
    late.daemon = True
    late.start()
    if not order["faults"]:
        observe(order, made[0])
        os._exit(0)
    spaces = [node.space for nodes in made for node in nodes]
    watch = Watch(spaces)
    watch.start()
    watch.ready.wait()
    loop = Loop()
    ears = Ears(loop)
    loop.start()
    write = threading.Lock()
    gate = threading.Semaphore(order["together"])

    def one(number: int) -> None:
        with gate:
            fault, nodes = order["faults"][number], made[number]
            said: dict[str, Any] = {"fault": number}
            client, behind = Client(loop, ears, order, number), RealServers(loop, order, number, Held.certificate)
            try:
                for node in nodes:
                    set_up(node)
                set_up_client(order, number)
                behind.set_up()
                time.sleep(_SETTLE)
                said["times"] = play(fault, nodes, order["vips"], client, behind, loop)
                said |= {"client": client.log, "ipvs": behind.tables.log}
                said["restored"] = [restored(node, fault, said["times"]["hit"]) for node in nodes]
                said["silent"] = [place for place in fault["nodes"] if not noticed(nodes[place], fault)]
                said["failed"] = sorted({name for node in nodes for name in failed(node)})
                first = number * len(nodes)
                said["seen"] = [list(it) for it in watch.seen[first : first + len(nodes)]]
            except (OSError, subprocess.SubprocessError) as error:
                said["error"] = _why(error)
            loop.ask(client.end)
            loop.ask(behind.end)
            said["logs"] = [node.said() for node in nodes if (node.folder / "log").exists()]
            for node in nodes:
                node.end()
            with write:
                sys.stdout.write(json.dumps(said) + "\n")
                sys.stdout.flush()

    _all(one, len(order["faults"]))
    os._exit(0)


if __name__ == "__main__":
    main()
