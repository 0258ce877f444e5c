"""Is a request to a VIP answered, by TCP or UDP?"""

from __future__ import annotations

import errno
import socket
import time
from contextlib import suppress
from struct import pack
from typing import TYPE_CHECKING, Any

from rehearse.stage.loop import IN, OUT, open_in

if TYPE_CHECKING:
    from rehearse.stage.loop import Loop

_PATIENCE = 1.0  # seconds that a client waits for an answer
_LATE = 0.1
_ABORT = pack("ii", 1, 0)  # SO_LINGER: no TIME_WAIT is left
TCP, UDP, DNS = "tcp", "udp", "dns"  # what an Ask speaks
_QUERY = b"\x52\x52\1\0\0\1\0\0\0\0\0\0\x08rehearse\7invalid\0\0\1\0\1"  # RFC 1035, RFC 2606
_SAYS = {TCP: b"GET / HTTP/1.0\r\nHost: rehearse\r\n\r\n", UDP: b"rehearse\n", DNS: _QUERY}


class Request:
    """A request that is in ``waiting`` until it has ended.

    Then ``log`` has when it was sent, when it ended, and whether it was answered.
    """

    def __init__(self, loop: Loop, ask: dict[str, Any], waiting: set[Request], log: list[Any]) -> None:
        self._loop = loop
        self._ask = ask
        self._waiting = waiting
        self._log = log
        self._sent = 0.0
        self._socket: socket.socket | None = None

    def send(self, space: str) -> None:
        """Send it from a network namespace."""
        vip, speaks = self._ask["vip"], self._ask["speaks"]
        family = socket.AF_INET6 if ":" in vip else socket.AF_INET
        sock = self._socket = open_in(space, family, socket.SOCK_STREAM if speaks == TCP else socket.SOCK_DGRAM)
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _ABORT)
        self._sent = time.monotonic()
        self._waiting.add(self)
        if sock.connect_ex((vip, self._ask["port"])) not in (0, errno.EINPROGRESS):
            self._end(answered=False)
            return
        self._loop.watch(sock, OUT, self._connected)
        self._loop.at(self._sent + _PATIENCE, self._expired)

    def close(self) -> None:
        """Wait no more, and say nothing."""
        if self._socket is not None:
            self._loop.close(self._socket)
            self._socket = None

    def _end(self, *, answered: bool) -> None:
        if self._socket is not None:
            self.close()
            self._waiting.discard(self)
            self._log.append([self._sent, time.monotonic(), answered])

    def _connected(self) -> None:
        if self._socket is None:
            return
        if self._socket.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR):
            self._end(answered=False)
        else:
            self._loop.watch(self._socket, IN, self._received)
            with suppress(OSError):
                self._socket.send(_SAYS[self._ask["speaks"]])

    def _received(self) -> None:
        try:
            self._end(answered=self._socket is not None and bool(self._socket.recv(512)))
        except OSError:
            self._end(answered=False)

    def _expired(self) -> None:
        now = time.monotonic()
        if now - self._sent > _PATIENCE + _LATE:  # this thread did not run: what has come meanwhile is read first
            self._loop.at(now + _LATE, lambda: self._end(answered=False))
        else:
            self._end(answered=False)
