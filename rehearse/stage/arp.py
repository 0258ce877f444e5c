"""Who says to be at an address? ARP (RFC 826, 5227) and neighbour discovery (RFC 4861) on the ports of a stage.

Questions come from nobody's address, so that no client learns from the answers.
"""

from __future__ import annotations

import ctypes
import socket
import struct
from typing import NamedTuple

_ALL, _ARP, _IPV6 = 3, 0x0806, 0x86DD
_MAC = b"\x02\x52\0\0\0\1"  # who asks: a MAC and a link-local address that no interface has
_LINK_LOCAL = socket.inet_pton(socket.AF_INET6, "fe80::5e5e:5e5e:5e5e:5e5e")
_ICMPV6, _SOLICITATION, _ADVERTISEMENT = 58, 135, 136
_OUTGOING = 4  # PACKET_OUTGOING
_ATTACH_FILTER = 26  # SO_ATTACH_FILTER
_FILTER = (  # what comes in, and is ARP, a neighbour solicitation or an advertisement
    (0x28, 0, 0, 0xFFFFF004),  # ldh packet type
    (0x15, 9, 0, _OUTGOING),
    (0x28, 0, 0, 12),
    (0x15, 6, 0, _ARP),
    (0x15, 0, 6, _IPV6),
    (0x30, 0, 0, 20),
    (0x15, 0, 4, _ICMPV6),
    (0x30, 0, 0, 54),
    (0x15, 1, 0, _SOLICITATION),
    (0x15, 0, 1, _ADVERTISEMENT),
    (0x06, 0, 0, 128),
    (0x06, 0, 0, 0),
)


class Heard(NamedTuple):
    """A frame: the port that it came in by, the MAC of its sender, the address that the sender says to have.

    ``answers``: to a question of ours.
    """

    port: str
    mac: bytes
    address: str
    answers: bool


def ear() -> socket.socket:
    """Return a socket that hears all ports of this network namespace."""
    sock = socket.socket(socket.AF_PACKET, socket.SOCK_RAW | socket.SOCK_NONBLOCK, socket.htons(_ALL))
    code = ctypes.create_string_buffer(b"".join(struct.pack("=HBBI", *it) for it in _FILTER))
    sock.setsockopt(socket.SOL_SOCKET, _ATTACH_FILTER, struct.pack("@HP", len(_FILTER), ctypes.addressof(code)))
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 1 << 20)
    return sock


def hear(sock: socket.socket) -> Heard | None:
    """Return the next frame, None where it says nothing; raises BlockingIOError where there is none."""
    frame, sender = sock.recvfrom(256)
    return heard(frame, sender[0])


def heard(frame: bytes, port: str) -> Heard | None:
    """Return what a frame says that came in by a port."""
    return _arp(frame, port) if frame[12:14] == _ARP.to_bytes(2, "big") else _neighbour(frame, port)


def _arp(frame: bytes, port: str) -> Heard | None:
    if len(frame) < 42 or frame[14:20] != b"\0\1\x08\0\6\4" or frame[28:32] == bytes(4):
        return None
    answers = frame[20:22] == b"\0\2" and frame[32:38] == _MAC
    return Heard(port, frame[6:12], socket.inet_ntop(socket.AF_INET, frame[28:32]), answers)


def _neighbour(frame: bytes, port: str) -> Heard | None:
    if len(frame) < 78:
        return None
    is_advertisement = frame[54] == _ADVERTISEMENT
    address = frame[62:78] if is_advertisement else frame[22:38]
    return Heard(port, frame[6:12], socket.inet_ntop(socket.AF_INET6, address), frame[38:54] == _LINK_LOCAL)


def question(address: str) -> bytes:
    """Return the frame that asks who is at an address."""
    if ":" not in address:
        words = struct.pack("!HHBBH", 1, 0x0800, 6, 4, 1) + _MAC + bytes(4) + bytes(6) + socket.inet_aton(address)
        return b"\xff" * 6 + _MAC + struct.pack("!H", _ARP) + words
    target = socket.inet_pton(socket.AF_INET6, address)
    group = socket.inet_pton(socket.AF_INET6, "ff02::1:ff00:0")[:13] + target[13:]
    body = bytes(4) + target + b"\1\1" + _MAC  # with the source's link-layer address
    pseudo = _LINK_LOCAL + group + struct.pack("!II", 4 + len(body), _ICMPV6)
    head = bytes((_SOLICITATION, 0))
    summed = _checksum(pseudo + head + bytes(2) + body)
    packet = head + summed.to_bytes(2, "big") + body
    ip = struct.pack("!IHBB", 6 << 28, len(packet), _ICMPV6, 255) + _LINK_LOCAL + group
    return b"\x33\x33" + group[12:] + _MAC + struct.pack("!H", _IPV6) + ip + packet


def _checksum(data: bytes) -> int:
    """Return the checksum of the Internet (RFC 1071)."""
    total: int = sum(struct.unpack(f"!{len(data) // 2}H", data))
    while total >> 16:
        total = (total & 0xFFFF) + (total >> 16)
    return ~total & 0xFFFF
