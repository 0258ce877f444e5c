"""Which addresses does lo hold, and how does it get another? By rtnetlink, for ``ip`` may be missing on a node.

A VIP here is no address to speak from: for IPv4 its scope is the host, for IPv6 its preferred lifetime is over, so
that the kernel never chooses it as the source of a connection to elsewhere (RFC 6724, rule 3).
"""

from __future__ import annotations

import errno
import fcntl
import socket
import struct
from typing import TYPE_CHECKING

from checks.node.addresses import address_of, messages

if TYPE_CHECKING:
    from collections.abc import Iterator

    from keepalived_scripts.realserver.vip import Vip

SCOPE_HOST = 254
_NLMSG_ERROR, _NLMSG_DONE, _RTM_NEWADDR, _RTM_DELADDR, _RTM_GETADDR = 2, 3, 20, 21, 22
_REQUEST, _ACK, _DUMP, _EXCL, _CREATE = 0x1, 0x4, 0x300, 0x200, 0x400
_IFA_ADDRESS, _IFA_LOCAL, _IFA_CACHEINFO, _IFA_FLAGS = 1, 2, 6, 8
_NODAD = 0x02
_FOREVER = 0xFFFFFFFF
_SIOCGIFFLAGS, _IFF_UP, _IFF_NOARP = 0x8913, 0x1, 0x80


class Held:
    """How an interface holds an address: ``prefix`` length and ``scope`` as in /etc/iproute2/rt_scopes."""

    def __init__(self, prefix: int, scope: int) -> None:
        self.prefix = prefix
        self.scope = scope


class Loopback:
    """The interface lo of this network namespace; every method raises OSError."""

    def __init__(self) -> None:
        self.sock = socket.socket(socket.AF_NETLINK, socket.SOCK_RAW | socket.SOCK_CLOEXEC, socket.NETLINK_ROUTE)
        self.sock.settimeout(5)
        self.index = socket.if_nametoindex("lo")

    def held(self) -> dict[str, Held]:
        """Return the addresses of lo."""
        found = {}
        for kind, body in self._ask(_RTM_GETADDR, _REQUEST | _DUMP, struct.pack("=BBBBI", 0, 0, 0, 0, 0)):
            one = address_of(body) if kind == _RTM_NEWADDR else None
            if one is not None and one[0] == self.index:
                found[one[1]] = Held(one[2], body[3])
        return found

    def add(self, vip: Vip) -> None:
        """Add a VIP."""
        more = b""
        if vip.version == 6:  # neither is asked for twice on lo, nor does a neighbour solicitation ever get there
            more = _attribute(_IFA_FLAGS, struct.pack("=I", _NODAD))
            more += _attribute(_IFA_CACHEINFO, struct.pack("=IIII", 0, _FOREVER, 0, 0))
        self._change(_RTM_NEWADDR, _REQUEST | _ACK | _CREATE | _EXCL, vip, more)

    def remove(self, vip: Vip) -> None:
        """Remove a VIP; one that is not there is gone already."""
        try:
            self._change(_RTM_DELADDR, _REQUEST | _ACK, vip, b"")
        except OSError as error:
            if error.errno != errno.EADDRNOTAVAIL:
                raise

    def is_up(self) -> bool:
        """Return whether lo is up; an address on one that is down is of no use."""
        return bool(self._flags("lo") & _IFF_UP)

    def does_arp(self, interface: str) -> bool:
        """Return whether an interface speaks ARP at all; one that has just gone does not."""
        try:
            return not self._flags(interface) & _IFF_NOARP
        except OSError:
            return False

    def close(self) -> None:
        """Close the socket."""
        self.sock.close()

    def _flags(self, interface: str) -> int:
        asked = struct.pack("16sH22x", interface.encode(), 0)
        flags: int = struct.unpack("16xH", fcntl.ioctl(self.sock, _SIOCGIFFLAGS, asked)[:18])[0]
        return flags

    def _change(self, kind: int, flags: int, vip: Vip, more: bytes) -> None:
        family = socket.AF_INET if vip.version == 4 else socket.AF_INET6
        scope = SCOPE_HOST if vip.version == 4 else 0
        body = struct.pack("=BBBBI", family, vip.max_prefixlen, 0, scope, self.index)
        body += _attribute(_IFA_LOCAL, vip.packed) + _attribute(_IFA_ADDRESS, vip.packed) + more
        for _ in self._ask(kind, flags, body):
            pass

    def _ask(self, kind: int, flags: int, body: bytes) -> Iterator[tuple[int, bytes]]:
        self.sock.send(struct.pack("=IHHII", 16 + len(body), kind, flags, 1, 0) + body)
        while True:
            for answer, _, data in messages(self.sock.recv(1 << 18)):
                if answer == _NLMSG_DONE:
                    return
                if answer == _NLMSG_ERROR:
                    code = -struct.unpack_from("=i", data)[0]
                    if code:
                        raise OSError(code, errno.errorcode.get(code, "error"))
                    return
                yield answer, data


def _attribute(kind: int, data: bytes) -> bytes:
    return struct.pack("=HH", 4 + len(data), kind) + data + bytes(-len(data) % 4)
