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

from rehearse.model.faults import REAL
from rehearse.stage.breaks import noticed, restored
from rehearse.stage.client import Client, Ears
from rehearse.stage.fault import hit
from rehearse.stage.held import Held
from rehearse.stage.loop import Loop
from rehearse.stage.node import Node
from rehearse.stage.observe import Observer
from rehearse.stage.reals import RealServers, forward, leads
from rehearse.stage.space import configure
from rehearse.stage.watch import Watch

if TYPE_CHECKING:
    from collections.abc import Callable

_FOLDER = Path("/run/rehearse")  # a tmpfs of this namespace
_LOOK = 0.1  # seconds
_LATE = 4  # exit code where something hangs
_SETTLE = 2.0  # seconds until bridges pass what they get


def stages(order: dict[str, Any]) -> list[list[Node]]:
    """Make the networks of all faults, and the nodes in them."""
    made, links = [], []
    for number in range(max(1, len(order["faults"]))):
        nodes = []
        networks = {it for node in order["nodes"] for it in node["interfaces"].values()}
        for network in networks:
            links += [f"link add b{number}-{network} type bridge mcast_snooping 0", f"link set b{number}-{network} up"]
        for place, given in enumerate(order["nodes"]):
            space = f"s{number}-{place}"
            links.append(f"netns add {space}")
            for which, (name, network) in enumerate(given["interfaces"].items()):
                port = f"p{number}-{place}-{which}"
                links += [
                    f"link add {port} type veth peer name {name} netns {space}",
                    f"link set {port} master b{number}-{network} up",
                ]
            nodes.append(Node(given, space, _FOLDER / space))
        links.append(f"netns add c{number}")
        for network in order["clients"]:
            links += [
                f"link add q{number}-{network} type veth peer name n{network} netns c{number}",
                f"link set q{number}-{network} master b{number}-{network} up",
            ]
        links += [line for which, real in enumerate(order["reals"]) for line in leads(number, which, real)]
        made.append(nodes)
    subprocess.run(["ip", "-batch", "-"], input="\n".join(links) + "\n", text=True, check=True)
    return made


def set_up(node: Node) -> None:
    """Lay out its files, and give it its addresses."""
    node.run("sh", "-c", "for it in all default; do echo 0 >/proc/sys/net/ipv6/conf/$it/accept_dad; done")
    lines = ["link set lo up"]
    for name in node.given["interfaces"]:
        lines.append(f"link set {name} up")
        lines += [f"address add {it} dev {name}{' nodad' * (':' in it)}" for it in node.given["addresses"][name]]
        lines += [f"route replace {it} dev {name}" for it in node.given["routes"][name]]
    configure(node.space, lines)
    node.lay_out()
    if node.given.get("virtual_servers"):
        forward(node)
    node.hold()


def certificate() -> str:
    """Make a certificate for stand-ins that are asked by TLS; return its path, or nothing."""
    path = Path("/run/rehearse.pem")
    words = "req -x509 -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -days 30 -subj /CN=localhost"
    command = ["openssl", *words.split(), "-keyout", f"{path}.key", "-out", f"{path}.crt"]
    try:
        subprocess.run(command, check=True, capture_output=True, timeout=20)
    except (OSError, subprocess.SubprocessError):
        return ""
    path.write_text("".join(Path(f"{path}.{it}").read_text("ascii") for it in ("key", "crt")), encoding="ascii")
    return str(path)


def set_up_client(order: dict[str, Any], number: int) -> None:
    """Give the client its addresses, and its ways to the VIPs."""
    lines = []
    for network, addresses in order["clients"].items():
        lines.append(f"link set n{network} up")
        lines += [f"address add {it} dev n{network}{' nodad' * (':' in it)}" for it in addresses]
    for it in order["asks"]:
        own = next((own for own in order["clients"][str(it["network"])] if (":" in own) is (":" in it["vip"])), None)
        if own is not None:
            lines.append(f"route replace {it['vip']} dev n{it['network']} src {own.partition('/')[0]}")
    configure(f"c{number}", lines)


def play(
    fault: dict[str, Any], nodes: list[Node], vips: list[str], client: Client, behind: RealServers, loop: Loop
) -> dict[str, float]:
    """Start the nodes, break, mend; return the times."""

    def strike(*, broken: bool) -> None:
        loop.ask(lambda: client.hit(fault["sick"], broken=broken))
        if fault["tracker"] == REAL:
            behind.hit(fault, broken=broken)
        else:
            hit(fault, nodes, vips, broken=broken)

    times = {"begun": time.monotonic()}
    loop.ask(client.begin)
    loop.ask(behind.tables.begin)
    for node in nodes:
        node.start()
    time.sleep(fault["begin"])
    ended = [node.given["name"] for node in nodes if not node.is_running()]
    if ended:
        raise OSError(f"keepalived has ended on {' and '.join(ended)}")
    if "first" in fault:  # another fault, which lasts when this one comes
        hit(fault["first"], nodes, vips, broken=True)
        time.sleep(fault["first"]["during"])
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
    time.sleep(fault["after"])
    times["end"] = time.monotonic()
    return times


def _last(fault: dict[str, Any], nodes: list[Node], hit: float, mend: Callable[[list[Any]], None]) -> None:
    """Wait for the end of a fault; where a script restarts its service, clients are served again."""
    end = time.monotonic() + fault["during"]
    again: set[int] = set()
    while (left := end - time.monotonic()) > 0:
        time.sleep(min(left, _LOOK) if fault["part"].startswith("process ") else left)
        for place in {*fault["nodes"]} - again if left > _LOOK else ():
            if restored(nodes[place], fault, hit) is not None:
                again.add(place)
                mend([it for it in fault["sick"] if it[0] == place])


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
            said["error"] = f"{error}: {_detail(error)}"
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


def _detail(error: Exception) -> str:
    detail = getattr(error, "stderr", None)
    return detail.decode("utf-8", "replace") if isinstance(detail, bytes) else ""


def _order() -> dict[str, Any]:
    """Return what is to be done, and provide for all stages: descriptors, a certificate, adverts in time."""
    _, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))
    Path("/run/netns").mkdir(exist_ok=True)
    Held.certificate = certificate()
    urgent = ("chrt", "-f", "10")
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
                first = number * len(nodes)
                said["seen"] = [list(it) for it in watch.seen[first : first + len(nodes)]]
            except (OSError, subprocess.SubprocessError) as error:
                said["error"] = f"{error}: {_detail(error)}"
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
