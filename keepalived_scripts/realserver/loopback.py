"""Which addresses does lo hold, and how is a VIP added? By rtnetlink, because a node may have no ``ip``.

A VIP on lo is no source address: for IPv4 its scope is host, for IPv6 its preferred lifetime is over, so that the
kernel does not choose it for connections to other nodes while it has another address (RFC 6724, rule 3).
"""

from __future__ import annotations

import errno
import fcntl
import socket
import struct
from typing import TYPE_CHECKING, NamedTuple

from vipwarden.node.netlink.addresses import address_of
from vipwarden.node.netlink.socket import ACK, DUMP, ROUTE, Netlink, attribute

if TYPE_CHECKING:
    from keepalived_scripts.realserver.vip import Vip

SCOPE_HOST = 254
_RTM_NEWADDR, _RTM_DELADDR, _RTM_GETADDR = 20, 21, 22
_EXCL, _CREATE = 0x200, 0x400
_IFA_ADDRESS, _IFA_LOCAL, _IFA_CACHEINFO, _IFA_FLAGS = 1, 2, 6, 8
_NODAD = 0x02
_FOREVER = 0xFFFFFFFF
_SIOCGIFFLAGS, _IFF_UP, _IFF_NOARP = 0x8913, 0x1, 0x80
_SECONDS = 5  # that the kernel may take for one answer


class Held(NamedTuple):
    """An address of an interface: ``prefix`` length, and ``scope`` as in /etc/iproute2/rt_scopes."""

    prefix: int
    scope: int


class Loopback:
    """The interface lo of this network namespace; every method raises OSError."""

    def __init__(self) -> None:
        self.index = socket.if_nametoindex("lo")

    def held(self) -> dict[str, Held]:
        """Return the addresses of lo."""
        held = {}
        for body in _ask(_RTM_GETADDR, DUMP, bytes(8)):
            entry = address_of(body)
            if entry is not None and entry[0] == self.index:
                held[entry[1]] = Held(entry[2], body[3])
        return held

    def add(self, vip: Vip) -> None:
        """Add a VIP."""
        more = b""
        if vip.version == 6:  # lo needs no duplicate address detection
            more = attribute(_IFA_FLAGS, struct.pack("=I", _NODAD))
            more += attribute(_IFA_CACHEINFO, struct.pack("=IIII", 0, _FOREVER, 0, 0))
        self._change(_RTM_NEWADDR, ACK | _CREATE | _EXCL, vip, more)

    def remove(self, vip: Vip) -> None:
        """Remove a VIP, if it is there."""
        try:
            self._change(_RTM_DELADDR, ACK, vip, b"")
        except OSError as error:
            if error.errno != errno.EADDRNOTAVAIL:
                raise

    def is_up(self) -> bool:
        """Return whether lo is up; otherwise its addresses have no effect."""
        return bool(_flags("lo") & _IFF_UP)

    def does_arp(self, interface: str) -> bool:
        """Return whether an interface uses ARP; one that has just gone does not."""
        try:
            return not _flags(interface) & _IFF_NOARP
        except OSError:
            return False

    def _change(self, kind: int, flags: int, vip: Vip, more: bytes) -> None:
        family = socket.AF_INET if vip.version == 4 else socket.AF_INET6
        scope = SCOPE_HOST if vip.version == 4 else 0
        body = struct.pack("=BBBBI", family, vip.max_prefixlen, 0, scope, self.index)
        body += attribute(_IFA_LOCAL, vip.packed) + attribute(_IFA_ADDRESS, vip.packed) + more
        _ask(kind, flags, body)


def _ask(kind: int, flags: int, body: bytes) -> list[bytes]:
    with Netlink(ROUTE, _SECONDS) as netlink:
        return netlink.ask(kind, flags, body)


def _flags(interface: str) -> int:
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as sock:  # any socket will do
        request = struct.pack("16sH22x", interface.encode(), 0)
        flags: int = struct.unpack("16xH", fcntl.ioctl(sock, _SIOCGIFFLAGS, request)[:18])[0]
    return flags
