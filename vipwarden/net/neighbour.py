"""Which other hosts of a link answer for an address? Asked by an ARP probe (RFC 5227) or by ND (RFC 4861).

The kernel never answers itself, so that every answer is another host's, also where both have the MAC of one VRRP
router. Needs CAP_NET_RAW.
"""

from __future__ import annotations

import _socket
from sys import byteorder
from time import monotonic

from vipwarden.net.stream import NetError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from vipwarden.net.net import Net

_PROBES = 2  # one may be lost
_ARP, _OUTGOING = 0x0806, 4  # ETH_P_ARP, PACKET_OUTGOING
_REQUEST, _REPLY = 1, 2
_HEAD = b"\0\1\x08\0\6\4\0"  # Ethernet and IPv4, up to the low byte of the operation
_BROADCAST = b"\xff" * 6
_SOLICITATION, _ADVERTISEMENT = 135, 136
_ICMP6_FILTER = 1
_SOURCE_LINK, _TARGET_LINK = 1, 2  # options of ND: the address of the link layer
_HOPS = 255  # a packet that a router has passed on has fewer
_MOST = 8  # hosts
_TURN = 64  # packets, before other checks of the same loop run
_ADVICE = {1: "; it needs CAP_NET_RAW", 13: "; it needs CAP_NET_RAW", 97: "; the unit must allow AF_PACKET"}


async def others(net: Net, interface: str, address: str, seconds: float) -> list[str]:
    """Return the MACs of the other hosts that answer within so many seconds; raises NetError (local)."""
    try:
        probe = _Nd(interface, address) if ":" in address else _Arp(interface, address)
    except OSError as error:
        reason = f"{error.strerror or error.args[-1]}{_ADVICE.get(error.errno or 0, '')}"
        raise NetError("local", f"cannot ask on {interface} who holds {address}: {reason}") from None
    found: set[str] = set()
    begun = monotonic()
    try:
        for number in range(1, _PROBES + 1):
            probe.ask()
            until = min(begun + seconds * number / _PROBES, net.deadline)
            while len(found) < _MOST and await net.wait(probe.sock, False, until):
                probe.is_empty = False
                while not probe.is_empty and monotonic() < until:  # an event is told once
                    for _ in range(_TURN):
                        found.update(probe.answers())
                    await net.pause(0)
    except OSError as error:
        if isinstance(error, NetError):
            raise
        raise NetError("local", f"cannot ask on {interface} who holds {address}: {error.strerror}") from None
    finally:
        probe.sock.close()
    return sorted(found)


class _Arp:
    """An ARP probe: it has no sender's address, and so changes no host's table."""

    def __init__(self, interface: str, address: str) -> None:
        """Open the socket; raises OSError."""
        self.is_empty = False
        self._interface = interface
        self._target = _socket.inet_pton(_socket.AF_INET, address)
        kind = _socket.SOCK_DGRAM | _socket.SOCK_NONBLOCK | _socket.SOCK_CLOEXEC
        self.sock = _socket.socket(_socket.AF_PACKET, kind, _socket.htons(_ARP))
        try:
            self.sock.bind((interface, _ARP))
            self._own: bytes = self.sock.getsockname()[4]
            if len(self._own) != 6:
                raise OSError(95, "it is no Ethernet")
        except BaseException:
            self.sock.close()
            raise

    def ask(self) -> None:
        """Send a probe; raises OSError."""
        probe = _HEAD + bytes((_REQUEST,)) + self._own + bytes(4 + 6) + self._target
        self.sock.sendto(probe, (self._interface, _ARP, 0, 0, _BROADCAST))

    def answers(self) -> list[str]:
        """Return the MAC of the next packet, where it is an answer; raises OSError."""
        try:
            data, sender = self.sock.recvfrom(128)
        except BlockingIOError:
            self.is_empty = True
            return []
        if sender[2] == _OUTGOING or data[:8] != _HEAD + bytes((_REPLY,)) or data[14:18] != self._target:
            return []
        return [data[8:14].hex(":")]


class _Nd:
    """A neighbour solicitation to the group of the address."""

    def __init__(self, interface: str, address: str) -> None:
        """Open the socket; raises OSError."""
        self.is_empty = False
        self._own = _mac(interface)
        self._target = _socket.inet_pton(_socket.AF_INET6, address)
        group = _socket.inet_ntop(_socket.AF_INET6, bytes.fromhex("ff0200000000000000000001ff") + self._target[13:])
        self._group = group, 0, 0, _socket.if_nametoindex(interface)
        kind = _socket.SOCK_RAW | _socket.SOCK_NONBLOCK | _socket.SOCK_CLOEXEC
        self.sock = sock = _socket.socket(_socket.AF_INET6, kind, _socket.IPPROTO_ICMPV6)
        try:
            passed = bytearray(b"\xff" * 32)
            passed[_ADVERTISEMENT // 8] &= ~(1 << (_ADVERTISEMENT % 8)) & 0xFF
            sock.setsockopt(_socket.IPPROTO_ICMPV6, _ICMP6_FILTER, bytes(passed))
            sock.setsockopt(_socket.SOL_SOCKET, _socket.SO_BINDTODEVICE, interface.encode() + b"\0")
            for option, value in (
                (_socket.IPV6_MULTICAST_HOPS, _HOPS),
                (_socket.IPV6_MULTICAST_LOOP, 0),
                (_socket.IPV6_MULTICAST_IF, self._group[3]),
                (_socket.IPV6_RECVHOPLIMIT, 1),
            ):
                sock.setsockopt(_socket.IPPROTO_IPV6, option, value)
        except BaseException:
            sock.close()
            raise

    def ask(self) -> None:
        """Send a solicitation; raises OSError."""
        link = bytes((_SOURCE_LINK, 1)) + self._own
        self.sock.sendto(bytes((_SOLICITATION, 0, 0, 0, 0, 0, 0, 0)) + self._target + link, self._group)

    def answers(self) -> list[str]:
        """Return the MAC of the next packet, where it is an answer; raises OSError."""
        try:
            data, ancillary, _, sender = self.sock.recvmsg(1500, 64)
        except BlockingIOError:
            self.is_empty = True
            return []
        hops = [int.from_bytes(value, byteorder) for _, kind, value in ancillary if kind == _socket.IPV6_HOPLIMIT]
        if hops != [_HOPS] or data[:1] != bytes((_ADVERTISEMENT,)) or data[8:24] != self._target:
            return []
        option = data[24:32]
        return [option[2:8].hex(":") if option[:2] == bytes((_TARGET_LINK, 1)) else str(sender[0])]


def _mac(interface: str) -> bytes:
    """Return the MAC of an interface; raises OSError."""
    sock = _socket.socket(_socket.AF_PACKET, _socket.SOCK_DGRAM | _socket.SOCK_CLOEXEC, 0)
    try:
        sock.bind((interface, 0))
        address: bytes = sock.getsockname()[4]
    finally:
        sock.close()
    if len(address) != 6:
        raise OSError(95, "it is no Ethernet")
    return address
