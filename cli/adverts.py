"""Which adverts do the peers of a VRRP instance send? By a raw socket, beside keepalived's own."""

from __future__ import annotations

import socket
import struct
from typing import TYPE_CHECKING

from vipwarden.protocol.vrrp import GROUPS, NUMBER, Advert, parse

if TYPE_CHECKING:
    from collections.abc import Iterable

_MOST_BYTES = 4096
_READS = 64  # at once


class Adverts:
    """Hears the adverts of others for ``vrid`` on an interface; raises OSError, without root PermissionError."""

    def __init__(self, interface: str, vrid: int, *, ipv6: bool) -> None:
        self._vrid = vrid
        self._ipv6 = ipv6
        self._socket = socket.socket(socket.AF_INET6 if ipv6 else socket.AF_INET, socket.SOCK_RAW, NUMBER)
        try:
            self._socket.setblocking(False)
            self._socket.setsockopt(socket.SOL_SOCKET, socket.SO_BINDTODEVICE, interface.encode() + b"\0")
            index = socket.if_nametoindex(interface)
            if ipv6:
                group = socket.inet_pton(socket.AF_INET6, GROUPS[6]) + struct.pack("@I", index)
                self._socket.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_JOIN_GROUP, group)
            else:
                group = socket.inet_aton(GROUPS[4]) + struct.pack("@4xi", index)
                self._socket.setsockopt(socket.IPPROTO_IP, socket.IP_ADD_MEMBERSHIP, group)
        except BaseException:
            self.close()
            raise

    def close(self) -> None:
        """Hear nothing any more."""
        self._socket.close()

    def fileno(self) -> int:
        """Return the descriptor, for select()."""
        return self._socket.fileno()

    def heard(self, own: Iterable[str]) -> list[tuple[str, Advert]]:
        """Return the adverts since the last call, each with its sender, but for those of ``own`` addresses."""
        found = []
        mine = set(own)
        for _ in range(_READS):
            try:
                packet, address = self._socket.recvfrom(_MOST_BYTES)
            except BlockingIOError:
                break
            sender = str(address[0]).partition("%")[0]
            advert = parse(packet, has_header=not self._ipv6)
            if advert is not None and advert.vrid == self._vrid and sender not in mine:
                found.append((sender, advert))
        return found
