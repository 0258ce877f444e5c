"""What does one client get? It asks at a door, and is answered as far as that goes without waiting."""

from __future__ import annotations

import select
import socket
from time import monotonic
from typing import TYPE_CHECKING, TypeAlias

if TYPE_CHECKING:
    from collections.abc import Callable

    from agent.door import Door

    # from door, client and what it has sent, of which it takes a request from the front: some bytes, and whether the
    # client may ask again (None: no, and more of this request may come); None as long as more has to come
    Answer: TypeAlias = Callable[[Door, str, bytearray], tuple[bytes, bool | None] | None]

PATIENCE = 5.0  # seconds for a request, and for the client to take the answer and leave
_CHUNK = 16384
_READ, _WRITE = select.EPOLLIN | select.EPOLLRDHUP, select.EPOLLOUT


class Client:
    """A connection of ``peer``; ``answered`` are its requests, ``mask`` the events of epoll that it waits for."""

    __slots__ = (
        "_answer",
        "_data",
        "_is_leaving",
        "_out",
        "answered",
        "door",
        "mask",
        "number",
        "peer",
        "sock",
        "until",
    )

    def __init__(self, sock: socket.socket, door: Door, peer: str, answer: Answer) -> None:
        self.sock = sock
        self.number = sock.fileno()
        self.door = door
        self.peer = peer
        self.answered = 0
        self.mask = _READ
        self.until = monotonic() + PATIENCE
        self._answer = answer
        self._data = bytearray()
        self._out = b""  # what it has not taken yet
        self._is_leaving = False  # only its end is awaited

    def go_on(self) -> bool:
        """Read, answer and write; return whether more has to come. Raises what a bug raises."""
        try:
            is_over = self._read() if not self._out or self._send() else False
        except OSError:
            return False
        self.mask = _WRITE if self._out else _READ
        return bool(self._out) or not is_over

    def _send(self) -> bool:
        """Send what can be sent now; return whether that was all. Raises OSError."""
        try:
            self._out = self._out[self.sock.send(self._out) :]
        except BlockingIOError:
            pass
        return not self._out

    def _read(self) -> bool:
        """Take what has come and answer it; return whether the connection is over. Raises OSError."""
        was_leaving = self._is_leaving
        try:
            data = self.sock.recv(_CHUNK)
        except BlockingIOError:
            if not was_leaving and (self._data or self.door.speaks_first):
                self._say(lingers=self.door.speaks_first)
            return False
        if was_leaving:
            return not data
        self._data += data
        lingers = bool(self._data) and self._say()
        return not data or (self._is_leaving and not lingers)

    def _say(self, *, lingers: bool = False) -> bool:
        """Answer the requests that are whole; return whether the client's end is awaited. Raises OSError."""
        while not self._out and not self._is_leaving:
            answer = self._answer(self.door, self.peer, self._data)
            if answer is None:
                return False
            self.answered += 1
            self._out, stays = answer
            self._is_leaving = not stays
            lingers = lingers or stays is None
            if self._send() and self._is_leaving and lingers:
                self.sock.shutdown(socket.SHUT_WR)  # what it may yet send would reset the connection
            if not self._data:
                break
        return lingers
