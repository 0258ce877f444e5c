"""What does a real server of a stage answer to clients and to keepalived's checkers?"""

from __future__ import annotations

import socket
import ssl
import time
from contextlib import suppress
from typing import TYPE_CHECKING, Any

from rehearse.stage.answers import datagram
from rehearse.stage.listener import Listener, deafen
from rehearse.stage.loop import IN, open_in

if TYPE_CHECKING:
    from rehearse.stage.loop import Loop

_IDLE = 10.0  # seconds
_MOST = 8192  # bytes of a request
_METHODS = (b"GET ", b"HEAD", b"POST")
_HANDSHAKE = b"\x16"
_QUIT = b"QUIT"
_DNS, _DNS_HEAD = 53, 16  # port, and bytes of the least query
_PKTINFO, _ADDRESS, _INTERFACE = socket.IPV6_PKTINFO, 16, 4  # in6_pktinfo: 0 is any interface (ipv6(7))


class Answer(Listener):
    """A port that has pages, greets as SMTP does, or says OK to whatever comes, by TLS where it is asked so."""

    def __init__(self, loop: Loop, space: str, given: dict[str, Any], body: bytes, certificate: str) -> None:
        super().__init__(loop, space, given["port"])
        self._pages: dict[str, int] = given["pages"]
        self._smtp: bool = given["smtp"]
        self._body = body
        self._context: ssl.SSLContext | None = None
        if given["tls"] and certificate:
            self._context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
            self._context.load_cert_chain(certificate)

    def _greet(self) -> None:
        if self._socket is None:
            return
        peer, _ = self._socket.accept()
        peer.setblocking(False)
        if self._smtp:
            peer.send(b"220 rehearsed ESMTP\r\n")
        _Talk(self._loop, peer, self._context, self._said)

    def _said(self, data: bytes) -> tuple[bytes, bool]:
        """Return the reply to what was sent, nothing where more is to come, and whether it is the last one."""
        if data.startswith(_METHODS):
            if b"\r\n\r\n" not in data and b"\n\n" not in data:
                return b"", False
            path = [*data.split(None, 2), b"/"][1].decode("latin-1")
            status = self._pages.get(path, self._pages.get(path.partition("?")[0], 200))
            head = (
                f"HTTP/1.0 {status} Rehearsed\r\nContent-Type: text/plain\r\nContent-Length: {len(self._body)}\r\n\r\n"
            )
            return head.encode() + (b"" if data.startswith(b"HEAD") else self._body), True
        if self._smtp:
            return (b"221 Bye\r\n", True) if data[:4].upper() == _QUIT else (b"250 rehearsed\r\n", False)
        return b"OK\r\n", False


class _Talk:
    """A connection."""

    def __init__(self, loop: Loop, peer: socket.socket, context: ssl.SSLContext | None, said: Any) -> None:
        self._loop = loop
        self._peer = peer
        self._context = context
        self._said = said
        self._data = b""
        loop.watch(peer, IN, self._read)
        loop.at(time.monotonic() + _IDLE, self._close)

    def _read(self) -> None:
        try:
            if self._context is not None:
                if self._peer.recv(1, socket.MSG_PEEK) == _HANDSHAKE:
                    self._loop.leave(self._peer)  # it is closed where the peer has gone
                    self._peer = self._context.wrap_socket(self._peer, server_side=True, do_handshake_on_connect=False)
                    self._loop.watch(self._peer, IN, self._read)
                self._context = None
            data = self._peer.recv(_MOST)
        except (ssl.SSLWantReadError, BlockingIOError):
            return
        except OSError:
            data = b""
        self._data += data
        reply, is_last = self._said(self._data) if data else (b"", True)
        if reply:
            self._data = b""
            with suppress(OSError):
                self._peer.send(reply)
        if is_last or len(self._data) > _MOST:
            self._close()

    def _close(self) -> None:
        if self._peer.fileno() >= 0:
            self._loop.close(self._peer)


class Datagrams:
    """A port of UDP that answers as UDP_CHECK requires, as a name server does, or with the same again.

    Its replies come from the address that was asked: with direct routing and tunnels that is the VIP.
    """

    def __init__(self, loop: Loop, space: str, given: dict[str, Any]) -> None:
        self._loop = loop
        self._space = space
        self._port: int = given["port"]
        self._dns: bool = given["dns"] or self._port == _DNS
        self._replies = {bytes.fromhex(it): bytes.fromhex(reply) for it, reply in given["replies"].items()}
        self._socket: socket.socket | None = None

    def open(self) -> None:
        """Answer."""
        if self._socket is None:
            self._socket = open_in(self._space, socket.AF_INET6, socket.SOCK_DGRAM)
            self._socket.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 0)
            self._socket.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_RECVPKTINFO, 1)
            self._socket.bind(("::", self._port))
        deafen(self._socket, broken=False)
        self._loop.watch(self._socket, IN, self._reply)

    def filter(self) -> None:
        """Drop what comes in."""
        if self._socket is not None:
            deafen(self._socket, broken=True)

    def mute(self) -> None:
        """Answer nothing."""
        if self._socket is not None:
            self._loop.watch(self._socket, 0, self._reply)

    def close(self) -> None:
        """Let the kernel refuse."""
        if self._socket is not None:
            self._loop.close(self._socket)
            self._socket = None

    def _reply(self) -> None:
        if self._socket is None:
            return
        data, asked, _, peer = self._socket.recvmsg(_MOST, socket.CMSG_SPACE(_ADDRESS + _INTERFACE))
        at = [(level, kind, it[:_ADDRESS] + bytes(_INTERFACE)) for level, kind, it in asked if kind == _PKTINFO]
        self._socket.sendmsg([self._said(data)], at, 0, peer)

    def _said(self, data: bytes) -> bytes:
        known = self._replies.get(data)
        if known is None and self._dns and len(data) > _DNS_HEAD:
            known = datagram(data, _DNS)
        return self._replies.get(b"", data) if known is None else known
