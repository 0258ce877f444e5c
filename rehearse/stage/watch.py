"""Which node holds which address since when, by netlink?"""

from __future__ import annotations

import select
import socket
import threading
import time
from typing import TYPE_CHECKING

from rehearse.stage.loop import hurry
from rehearse.stage.space import enter
from vipwarden.node.netlink.addresses import ADDED, CHANGES, changed_address
from vipwarden.node.netlink.socket import messages

if TYPE_CHECKING:
    from collections.abc import Sequence

_GROUPS = 0x10 | 0x100  # RTMGRP_IPV4_IFADDR, RTMGRP_IPV6_IFADDR
_RCVBUFFORCE = 33  # SO_RCVBUFFORCE
_MOST = 256 << 20  # bytes: ten thousand VIPs that change at once are some 10 MB
_TENTATIVE = 0x40  # IFA_F_TENTATIVE: not yet to be used


class Watch(threading.Thread):
    """A thread that notes each change of an address in some network namespaces: place, time, address, held or not."""

    def __init__(self, spaces: Sequence[str]) -> None:
        """Name the namespaces in /run/netns."""
        super().__init__(daemon=True)
        self._spaces = spaces
        self.ready = threading.Event()
        self.seen: list[list[tuple[float, str, bool]]] = [[] for _ in spaces]

    def run(self) -> None:
        """Note until the process ends."""
        hurry()
        sockets = {}
        poll = select.epoll()
        for place, name in enumerate(self._spaces):
            enter(name)
            listener = socket.socket(socket.AF_NETLINK, socket.SOCK_RAW, 0)
            listener.setsockopt(socket.SOL_SOCKET, _RCVBUFFORCE, _MOST)
            listener.bind((0, _GROUPS))
            sockets[listener.fileno()] = (listener, place)
            poll.register(listener.fileno(), select.EPOLLIN)
        self.ready.set()
        while True:
            for number, _ in poll.poll():
                listener, place = sockets[number]
                data = listener.recv(65536)
                now = time.monotonic()
                self.seen[place] += [(now, address, held) for address, held in changes(data)]


def changes(data: bytes) -> list[tuple[str, bool]]:
    """Return address, and whether it is held from now on, of each message."""
    found = []
    for kind, _, _, body in messages(data):
        address = changed_address(body) if kind in CHANGES else None
        if address is not None and not (kind == ADDED and body[2] & _TENTATIVE):
            found.append((address, kind == ADDED))
    return found
