"""How do the real servers of a stage come up, and how are they hit?"""

from __future__ import annotations

import subprocess
from contextlib import suppress
from typing import TYPE_CHECKING, Any

from rehearse.model.faults import CLOSED, FILTERED, GONE, MUTE
from rehearse.stage.answer import Answer, Datagrams
from rehearse.stage.space import configure, run_in
from rehearse.stage.table import Tables

if TYPE_CHECKING:
    from collections.abc import Iterator

    from rehearse.stage.loop import Loop
    from rehearse.stage.node import Node

_SETTINGS = {
    "all/arp_ignore": 1,  # VIPs on lo answer no ARP
    "all/arp_announce": 2,
    "all/accept_redirects": 0,
    "all/rp_filter": 0,
    "default/rp_filter": 0,
}
_TUNNELS = """\
ip link add tunl0 type ipip; ip link add ip6tnl0 type ip6tnl  # there are these already: it loads their modules
ip link set tunl0 up; ip link set ip6tnl0 up
echo 0 >/proc/sys/net/ipv4/conf/tunl0/rp_filter
"""


def forward(node: Node) -> None:
    """Let a node forward as a director does, and let it expect the digests of the pages that stand in."""
    lines = (
        "echo 1 >ipv4/ip_forward; echo 1 >ipv6/conf/all/forwarding; "
        "for it in all default; do echo 0 >ipv4/conf/$it/send_redirects; done"
    )
    node.run("sh", "-c", f"cd /proc/sys/net; {lines}")
    for number, path in enumerate(dict.fromkeys(path for path, _, _ in node.given["digests"])):
        place = node.root / path.lstrip("/")
        text = place.read_bytes()
        for other, old, new in node.given["digests"]:
            if other == path:
                text = text.replace(old.encode(), new.encode())
        patched = node.folder / f"digests-{number}"
        patched.write_bytes(text)
        patched.chmod(place.stat().st_mode & 0o777)
        node.run("mount", "--bind", str(patched), str(place))


def leads(number: int, which: int, real: dict[str, Any]) -> Iterator[str]:
    """Yield the commands of ip(8) that make namespace and links of a real server on a stage."""
    space = f"r{number}-{which}"
    yield f"netns add {space}"
    for name, network in _legs(real):
        port = f"x{number}-{which}-{name}"
        yield f"link add {port} type veth peer name {name} netns {space}"
        yield f"link set {port} master b{number}-{network} up"


def _legs(real: dict[str, Any]) -> list[tuple[str, int]]:
    """Return interfaces and networks: replies by direct routing go straight to the clients."""
    back = [("e0", real["network"])]
    return [*back, ("e1", real["front"])] if real["vips"] and real["front"] != real["network"] else back


class RealServers:
    """Those of one stage, and what IPVS has of them."""

    def __init__(self, loop: Loop, order: dict[str, Any], number: int, certificate: str) -> None:
        self._order = order
        self._number = number
        self._loop = loop
        nodes = [f"s{number}-{place}" for place, _ in enumerate(order["nodes"])]
        self.tables = Tables(loop, nodes if order["reals"] else ())
        self._ports: list[list[Answer | Datagrams]] = []
        for which, real in enumerate(order["reals"]):
            space = f"r{number}-{which}"
            self._ports.append(
                [
                    Answer(loop, space, it, order["body"].encode(), certificate)
                    if it["protocol"] == "tcp"
                    else Datagrams(loop, space, it)
                    for it in real["ports"]
                ]
            )

    def set_up(self) -> None:
        """Give them their addresses and ways, and open their ports."""
        for which, real in enumerate(self._order["reals"]):
            space = f"r{self._number}-{which}"
            settings = "; ".join(f"echo {value} >/proc/sys/net/ipv4/conf/{name}" for name, value in _SETTINGS.items())
            run_in(space, "sh", "-c", f"echo 0 >/proc/sys/net/ipv6/conf/default/accept_dad; {settings}")
            configure(space, [*self._addresses(real), *self._routes(real)])
            if real["tunnel"]:
                with suppress(subprocess.CalledProcessError):
                    run_in(space, "sh", "-c", _TUNNELS)
        self._loop.ask(lambda: [port.open() for ports in self._ports for port in ports])

    def _addresses(self, real: dict[str, Any]) -> Iterator[str]:
        nodad = " nodad" * (":" in real["address"])
        yield "link set lo up"
        for number, (name, _) in enumerate(_legs(real)):
            length = real["length"] if not number else 128 if nodad else 32
            yield f"link set {name} up"
            yield f"address add {real['address']}/{length} dev {name}{nodad}"
        for vip in dict.fromkeys(real["vips"]):
            yield f"address add {vip}/{128 if ':' in vip else 32} dev lo{' nodad' * (':' in vip)}"

    def _routes(self, real: dict[str, Any]) -> Iterator[str]:
        six = ":" in real["address"]
        for it in real["nodes"]:
            if (":" in it) is six:
                yield f"route replace {it} dev e0"
        leg, _ = _legs(real)[-1]
        for entries in self._order["clients"].values():
            for entry in entries:
                client = entry.partition("/")[0]
                if (":" in client) is six:
                    way = f"via {real['gateway']} dev e0 onlink" if real["gateway"] else f"dev {leg}"
                    yield f"route replace {client} {way}"

    def hit(self, fault: dict[str, Any], *, broken: bool) -> None:
        """Break, or mend, what a fault names."""
        address, _, port = fault["name"].rpartition(":")
        which = next(at for at, it in enumerate(self._order["reals"]) if it["address"] == address.strip("[]"))
        real, kind = self._order["reals"][which], fault["kind"]
        space = f"r{self._number}-{which}"
        if kind == GONE:
            configure(space, [f"link set {name} {'down' if broken else 'up'}" for name, _ in _legs(real)])
            if not broken:
                configure(space, [*self._again(real), *self._routes(real)])
        else:
            for it, answer in zip(real["ports"], self._ports[which], strict=True):
                if it["port"] == int(port):
                    act = (
                        answer.open
                        if not broken
                        else {CLOSED: answer.close, FILTERED: answer.filter, MUTE: answer.mute}[kind]
                    )
                    self._loop.ask(act)

    def _again(self, real: dict[str, Any]) -> Iterator[str]:
        """Yield what the kernel has forgotten of a link that was down."""
        for line in self._addresses(real):
            if line.startswith("address add") and ":" in line and " lo" not in line:
                yield line.replace(" add ", " replace ", 1)

    def end(self) -> None:
        """Close their ports; for the thread of the loop."""
        self.tables.end()
        for ports in self._ports:
            for port in ports:
                port.close()
