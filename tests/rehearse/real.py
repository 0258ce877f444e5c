"""What do real keepalived do when a fault comes and goes? Many pairs of nodes at the same time, each in namespaces.

``python -m tests.rehearse.real`` reads cases as JSON from its input and writes what became of the VIPs. It is to be run
by unshare(1) in namespaces of its own: network, mounts, processes; when it ends or is killed, nothing is left. With
the argument ``guest`` the first node of each pair has the network of the machine, which has to be a guest of the lab.
"""

from __future__ import annotations

import itertools
import json
import math
import os
import resource
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path
from typing import Any

from rehearse.stage.watch import Watch
from tests.rehearse.late import Late
from tests.rehearse.stands import FIRST, Node, lay_out, network

_EVERY = 0.4  # seconds between the starts of two pairs: a keepalived that starts takes a processor for a tenth of one


def rehearse(case: dict[str, Any], nodes: list[Node], late: Late) -> dict[str, Any]:
    """Start a pair, break it, mend it, and return what became of the VIPs, and how late the machine was."""
    marks = [time.monotonic()]
    for node in nodes:
        node.start()
        node.wait()
        time.sleep(case["gap"])
    time.sleep(case["begin"])
    unreached: list[tuple[int, float, float]] = []
    for fault in case["faults"]:
        marks.append(time.monotonic())
        hit(case, fault, nodes, broken=True)
        unreached += [(place, marks[-1], math.inf) for place in _unreached(fault)]
        time.sleep(fault["lasts"])
    marks.append(time.monotonic())
    for fault in case["faults"][::-1]:
        hit(case, fault, nodes, broken=False)
    time.sleep(case["after"])
    marks.append(time.monotonic())
    unreached = [(place, since, marks[-2]) for place, since, _ in unreached]
    phases = []
    for vip in case["vips"]:
        spans = _spans(vip, nodes, unreached, marks[0], marks[-1])
        phases.append([_phase(spans, start, until) for start, until in itertools.pairwise(marks)])
    return {
        "phases": phases,
        "late": [late.most(start, until) for start, until in itertools.pairwise(marks)],
        "logs": [Path(node.folder, "log").read_text("utf-8", "replace")[-6000:] for node in nodes],
    }


def _unreached(fault: dict[str, Any]) -> list[int]:
    cuts = fault["tracker"] == "interface" and fault["name"] == "eth0"
    return [*fault["nodes"]] if cuts else []


def hit(case: dict[str, Any], fault: dict[str, Any], nodes: list[Node], *, broken: bool) -> None:
    """Let a fault come, or mend it."""
    kind, tracker, name, places = fault["kind"], fault["tracker"], fault["name"], fault["nodes"]
    if kind == "filter":
        for sender, receiver in [places, *([places[::-1]] if fault["both"] else [])]:
            table = f"t{sender}{receiver}{int(fault['both'])}"
            rules = (
                f"add table ip {table}; add chain ip {table} in {{ type filter hook input priority 0; }}; "
                f"add rule ip {table} in ip protocol 112 ip saddr 192.0.2.1{sender} drop"
            )
            nodes[receiver].run("nft", rules if broken else f"delete table ip {table}")
        return
    for place in places:
        node = nodes[place]
        if tracker == "script":
            mark = node.folder / name / ("hangs" if kind == "hang" else "works")
            if broken is (kind == "hang"):
                mark.touch()
            else:
                mark.unlink()
        elif tracker == "file":
            fresh = node.folder / "fresh"
            fresh.write_text(f"{fault['value'] if broken else 0}\n", encoding="ascii")
            fresh.rename(node.folder / f"file-{name}")
        elif tracker == "process":
            for process, popen in [*node.processes.items()]:
                if kind == "hang":
                    popen.send_signal(signal.SIGSTOP if broken else signal.SIGCONT)
                elif broken:
                    popen.kill()
                    popen.wait()
                else:
                    node.run_process(process)
        elif tracker == "interface":
            node.run("ip", "link", "set", name, "down" if broken else "up")
        elif not broken:
            node.signal(signal.SIGCONT) if kind == "freeze" else node.start()
        elif kind == "power":
            node.signal(signal.SIGKILL)
            for vip in case["vips"]:
                subprocess.run(
                    ["nsenter", f"--net=/run/netns/{node.name}", "ip", "addr", "del", f"{vip}/32", "dev", "eth0"],
                    check=False,
                    stderr=subprocess.DEVNULL,
                )
        else:
            node.signal({"stop": signal.SIGTERM, "kill": signal.SIGKILL, "freeze": signal.SIGSTOP}[kind])


def _spans(
    vip: str, nodes: list[Node], unreached: list[tuple[int, float, float]], begun: float, end: float
) -> list[tuple[float, tuple[int, ...]]]:
    """Return from when on which nodes hold a VIP and can be reached."""
    changes: list[tuple[float, int, str, bool]] = [(begun, -1, "", True)]
    for place, node in enumerate(nodes):
        changes += [(at, place, "held", added) for at, address, added in [*node.held] if address == vip]
    for place, start, until in unreached:
        changes += [(start, place, "down", True), (until, place, "down", False)]
    held: set[int] = set()
    down: set[int] = set()
    spans = []
    for at, place, what, is_on in sorted(changes):
        if place >= 0 and at <= end:
            (held if what == "held" else down).add(place) if is_on else (held if what == "held" else down).discard(
                place
            )
        spans.append((at, tuple(sorted(held - down))))
    return spans


def _phase(spans: list[tuple[float, tuple[int, ...]]], start: float, until: float) -> dict[str, Any]:
    """Return the owners at the end, and the seconds without and with two before the last change."""
    without = two = 0.0
    inside = [(max(at, start), owners) for at, owners in spans if at < until]
    last = inside[0][1]
    for (at, owners), (following, _) in itertools.pairwise(inside):
        without += (following - at) * (not owners)
        two += (following - at) * (len(owners) > 1)
    last = inside[-1][1]
    begin = next((number for number in range(len(inside)) if all(it[1] == last for it in inside[number:])), 0)
    if begin < len(inside) - 1:
        lasted = inside[-1][0] - inside[begin][0]
        without -= lasted * (not last)
        two -= lasted * (len(last) > 1)
    trail = [[round(at - start, 3), list(owners)] for at, owners in inside]
    return {"owners": list(last), "without": without, "two": two, "trail": trail[-12:]}


def main() -> None:
    """Rehearse all cases at the same time."""
    cases = json.load(sys.stdin)
    _, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))
    in_guest = sys.argv[1:] == ["guest"]
    Path("/run/netns").mkdir(exist_ok=True)
    if in_guest:
        subprocess.run(["ip", "netns", "attach", FIRST, "1"], check=True)
    folder = Path("/tmp/pairs")
    # what the proof itself does comes in time as well, but after what keepalived does
    os.sched_setscheduler(0, os.SCHED_FIFO, os.sched_param(5))
    late = Late()
    late.start()
    late.wait()
    pairs = [lay_out(number, case, folder, in_guest=in_guest) for number, case in enumerate(cases)]
    subprocess.run(["ip", "-batch", "-"], input=network(pairs), text=True, check=True)
    for nodes in pairs:
        for place, node in enumerate(nodes):
            node.set_up(place)
    every = [node for nodes in pairs for node in nodes]
    names = [*dict.fromkeys(node.name for node in every)]
    watch = Watch(names)
    for node in every:
        node.held = watch.seen[names.index(node.name)]
    watch.start()
    watch.ready.wait()
    time.sleep(2)  # bridges pass nothing in their first moments
    found: list[dict[str, Any]] = [{} for _ in cases]

    def one(number: int) -> None:
        time.sleep(number * _EVERY)
        found[number] = rehearse(cases[number], pairs[number], late)

    threads = [threading.Thread(target=one, args=(number,)) for number in range(len(cases))]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    json.dump(found, sys.stdout)
    sys.stdout.flush()
    os._exit(0)


if __name__ == "__main__":
    main()
