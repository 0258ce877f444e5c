"""What answers at a port of a node?"""

from __future__ import annotations

import ctypes
import socket
import struct
from contextlib import suppress
from typing import TYPE_CHECKING

from rehearse.stage.loop import IN, open_in

if TYPE_CHECKING:
    from rehearse.stage.loop import Loop

_BACKLOG = 128
_ATTACH_FILTER, _DETACH_FILTER = 26, 27  # SO_ATTACH_FILTER, SO_DETACH_FILTER
_NOTHING = struct.pack("=HBBI", 0x06, 0, 0, 0)  # of each packet


def deafen(sock: socket.socket, *, broken: bool) -> None:
    """Let a socket drop what comes in without a word, as a firewall does, or take it again."""
    if broken:
        code = ctypes.create_string_buffer(_NOTHING)
        sock.setsockopt(socket.SOL_SOCKET, _ATTACH_FILTER, struct.pack("@HP", 1, ctypes.addressof(code)))
    else:
        with suppress(OSError):  # it has none
            sock.setsockopt(socket.SOL_SOCKET, _DETACH_FILTER, 0)


class Listener:
    """A port of a node that greets whoever connects, on all its addresses; methods are for the thread of the loop."""

    def __init__(self, loop: Loop, space: str, port: int) -> None:
        self._loop = loop
        self._space = space
        self._port = port
        self._socket: socket.socket | None = None

    def open(self) -> None:
        """Answer."""
        if self._socket is None:
            self._socket = open_in(self._space, socket.AF_INET6, socket.SOCK_STREAM)
            self._socket.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            self._socket.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 0)
            self._socket.bind(("::", self._port))
            self._socket.listen(_BACKLOG)
        deafen(self._socket, broken=False)
        self._loop.watch(self._socket, IN, self._greet)

    def filter(self) -> None:
        """Drop what comes in."""
        if self._socket is not None:
            deafen(self._socket, broken=True)

    def mute(self) -> None:
        """Let the kernel take connections, and answer none."""
        if self._socket is not None:
            self._loop.watch(self._socket, 0, self._greet)

    def close(self) -> None:
        """Refuse."""
        if self._socket is not None:
            self._loop.close(self._socket)
            self._socket = None

    def _greet(self) -> None:
        if self._socket is not None:
            peer, _ = self._socket.accept()
            with peer:
                peer.setblocking(False)
                peer.send(b"ready\n")
