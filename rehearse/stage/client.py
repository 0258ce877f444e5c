"""What does a client of the VIPs see? It asks by ARP or neighbour discovery who has them, and sends requests.

Questions come from beside the client, so that it learns no more from their answers than any client: its own kernel
keeps the MAC of a VIP, and hears gratuitous ARP, as that of a client in production.
"""

from __future__ import annotations

import socket
import sys
import time
from contextlib import suppress
from typing import TYPE_CHECKING, Any

from rehearse.stage.arp import ear, hear, question
from rehearse.stage.listener import Listener
from rehearse.stage.loop import IN, open_in
from rehearse.stage.request import Request
from vipwarden.node.netlink.socket import attributes, messages

if TYPE_CHECKING:
    from collections.abc import Sequence

    from rehearse.stage.arp import Heard
    from rehearse.stage.loop import Loop

_EVERY = 0.1  # seconds from one request to the next, for each VIP
_MOST = 20  # requests in a second, for all VIPs of a stage
_NEIGHBOURS = 0x4  # RTMGRP_NEIGH
_NEW, _GONE = 28, 29  # RTM_NEWNEIGH, RTM_DELNEIGH
_ADDRESS, _MAC = 1, 2  # NDA_DST, NDA_LLADDR
_USABLE = 0x02 | 0x04 | 0x08 | 0x10 | 0x80  # NUD_REACHABLE, STALE, DELAY, PROBE, PERMANENT
NOBODY = -1


class Client:
    """The client of one stage; methods are for the thread of the loop.

    ``log`` has for each VIP: ``every``, the seconds from one request to the next; ``requests``, the times that each was
    sent and ended, and whether it was answered; ``answers``, the times since which other nodes answer who has it;
    ``kept``, the times since which the client sends to another node.
    """

    def __init__(self, loop: Loop, ears: Ears, order: dict[str, Any], number: int) -> None:
        self._loop = loop
        self._ears = ears
        self._asks = order["asks"]
        self._every = max(_EVERY, len(self._asks) / _MOST)
        self._number = number
        self._space = f"c{number}"
        self._listeners = {
            (place, which): Listener(loop, f"s{number}-{place}", it["port"])
            for which, it in enumerate(self._asks)
            for place in it["nodes"]
        }
        self._places: dict[bytes, int] = {}  # of MACs
        self._macs: dict[str, bytes] = {}  # of VIPs, as the client has them
        self._answered: list[set[int]] = [set() for _ in self._asks]
        self._waiting: set[Request] = set()
        self._neighbours: socket.socket | None = None
        self.log: list[dict[str, Any]] = [
            {"every": self._every, "requests": [], "answers": [], "kept": []} for _ in self._asks
        ]

    def begin(self) -> None:
        """Open the services, and ask from now on."""
        for listener in self._listeners.values():
            listener.open()
        self._ears.clients[self._number] = self
        self._neighbours = open_in(self._space, socket.AF_NETLINK, socket.SOCK_RAW, 0)
        self._neighbours.bind((0, _NEIGHBOURS))
        self._loop.watch(self._neighbours, IN, self._learn)
        now = time.monotonic()
        for which in range(len(self._asks)):
            self._ask(which, now + which * self._every / len(self._asks))

    def end(self) -> None:
        """Ask no more; requests without an answer so far are left out."""
        self._ears.clients.pop(self._number, None)
        for listener in self._listeners.values():
            listener.close()
        for request in self._waiting:
            request.close()
        self._waiting.clear()
        if self._neighbours is not None:
            self._loop.close(self._neighbours)
        self._neighbours = None

    def hit(self, sick: Sequence[tuple[int, int, bool]], *, broken: bool) -> None:
        """Let services go, or come again: place of the node, number of the VIP, whether it hangs."""
        for place, which, hangs in sick:
            listener = self._listeners[place, which]
            (listener.open if not broken else listener.mute if hangs else listener.close)()

    def hear(self, place: int, heard: Heard) -> None:
        """Take note of who has a MAC now, and who answers."""
        if self._places.get(heard.mac) != place:
            self._places[heard.mac] = place
            for which, it in enumerate(self._asks):
                self._keep(which, self._macs.get(it["vip"]))
        if heard.answers:
            for which, it in enumerate(self._asks):
                if it["vip"] == heard.address:
                    self._answered[which].add(place)

    def _ask(self, which: int, turn: float) -> None:
        if self._neighbours is None:
            return
        now = time.monotonic()
        answers = self.log[which]["answers"]
        nodes, self._answered[which] = sorted(self._answered[which]), set()
        if nodes != (answers[-1][1] if answers else []):
            answers.append([now - self._every, nodes])
        self._loop.at(max(turn + self._every, now), lambda: self._ask(which, max(turn + self._every, now)))
        it = self._asks[which]
        self._ears.ask(f"b{self._number}-{it['network']}", it["vip"])
        Request(self._loop, it, self._waiting, self.log[which]["requests"]).send(self._space)

    def _learn(self) -> None:
        """Take note of what the client's kernel keeps."""
        if self._neighbours is None:
            return
        for kind, _, _, body in messages(self._neighbours.recv(65536)):
            if kind not in (_NEW, _GONE) or len(body) < 12:
                continue
            fields = attributes(body, 12)
            raw = fields.get(_ADDRESS, b"")
            family = {4: socket.AF_INET, 16: socket.AF_INET6}.get(len(raw))
            if family is None:
                continue
            address = socket.inet_ntop(family, raw)
            is_usable = kind == _NEW and int.from_bytes(body[8:10], sys.byteorder) & _USABLE
            mac = fields.get(_MAC, b"") if is_usable else b""
            self._macs[address] = mac
            for which, it in enumerate(self._asks):
                if it["vip"] == address:
                    self._keep(which, mac)

    def _keep(self, which: int, mac: bytes | None) -> None:
        place = self._places.get(mac or b"", NOBODY)
        kept = self.log[which]["kept"]
        if place != (kept[-1][1] if kept else NOBODY):
            kept.append([time.monotonic(), place])


class Ears:
    """Asks and hears on the ports of all stages."""

    def __init__(self, loop: Loop) -> None:
        """Begin; it is for a thread that is in the namespace of the bridges."""
        self.clients: dict[int, Client] = {}
        self._socket = ear()
        loop.watch(self._socket, IN, self._hear)

    def ask(self, bridge: str, address: str) -> None:
        """Ask on a network who has an address."""
        with suppress(OSError):
            self._socket.sendto(question(address), (bridge, 0))

    def _hear(self) -> None:
        for _ in range(64):
            try:
                heard = hear(self._socket)
            except BlockingIOError:
                return
            if heard is not None and heard.port.startswith("p"):
                number, place, _ = heard.port[1:].split("-")
                client = self.clients.get(int(number))
                if client is not None:
                    client.hear(int(place), heard)
