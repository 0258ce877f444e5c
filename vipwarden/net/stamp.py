"""When did a datagram arrive? By the kernel's stamp: a busy program may read it much later."""

from __future__ import annotations

import _socket
from sys import byteorder
from time import time

_SO_TIMESTAMPNS = 35
_ROOM = 64  # bytes for the stamp


def stamp(sock: _socket.socket) -> None:
    """Have the kernel stamp what arrives at a socket; raises OSError."""
    sock.setsockopt(_socket.SOL_SOCKET, _SO_TIMESTAMPNS, 1)


def receive(sock: _socket.socket, size: int) -> tuple[bytes, str, float]:
    """Return the next datagram, its sender's address, and when it arrived by the wall clock; raises OSError."""
    data, ancillary, _, sender = sock.recvmsg(size, _ROOM)
    for level, kind, value in ancillary:
        if level == _socket.SOL_SOCKET and kind == _SO_TIMESTAMPNS:  # struct timespec
            half = len(value) // 2
            seconds, rest = (int.from_bytes(part, byteorder) for part in (value[:half], value[half:]))
            return data, str(sender[0]), seconds + rest / 1e9
    return data, str(sender[0]), time()
