"""How do the networks of all stages come about, and what has each node and client before anything runs?"""

from __future__ import annotations

import subprocess
from pathlib import Path
from typing import Any

from rehearse.stage.node import Node
from rehearse.stage.reals import forward, leads
from rehearse.stage.space import configure

_FOLDER = Path("/run/rehearse")  # a tmpfs of this namespace


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
