"""How long may a client take, and how much may it send? Bounds around aiohttp's connection, which has none."""

from __future__ import annotations

import asyncio
from time import monotonic
from typing import TYPE_CHECKING, Any

from exporter.http.aiohttp_server import RequestHandler, Response
from exporter.http.tls import HandshakeError, encrypted
from vipwarden.core.result import one_line

if TYPE_CHECKING:
    import ssl

    from exporter.http.aiohttp_server import BaseRequest
    from exporter.http.gate import Gate

HEADERS = {
    "Content-Security-Policy": "default-src 'none'; style-src 'self'; script-src 'self'; connect-src 'self'; "
    "img-src 'self'; base-uri 'none'; form-action 'self'; frame-ancestors 'none'",
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
    "Server": "vipwarden",  # no versions
}
_MOST_HEADER = 32768
_LAST = 0.1  # seconds in which aiohttp begins with a request that came before the client's end


class Connection(RequestHandler):
    """A connection from the address ``peer``; ``is_local`` if it was made to a loopback address.

    ``is_waiting`` until its password is checked, ``sends_since`` is the start of the answer on the monotonic clock.
    """

    def __init__(self, gate: Gate, is_local: bool) -> None:
        # idle connections are closed here, and the rest of a body is not awaited
        options: dict[str, Any] = {"access_log": None, "keepalive_timeout": 86400, "lingering_time": 0}
        super().__init__(gate.server, loop=asyncio.get_running_loop(), **options)
        self.is_local = is_local
        self.is_busy = self.is_waiting = self._is_over = self._has_asked = False
        self.peer = ""
        self.sends_since: float | None = None
        self.since = monotonic()
        self.context: ssl.SSLContext | None = None
        self.gate = gate
        self._alarm: asyncio.TimerHandle | None = None
        self._raw: asyncio.Transport | None = None
        self._tls: asyncio.Task[None] | None = None
        self._early: bytes | None = b""  # received before aiohttp knows the connection
        self._received = 0

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Begin, with TLS if configured."""
        assert isinstance(transport, asyncio.Transport)  # noqa: S101 - of a stream socket
        self._raw = transport
        peer = transport.get_extra_info("peername")
        self.peer = str(peer[0]) if isinstance(peer, tuple) else ""
        self.gate.security.refresh()
        self.context = self.gate.security.web.context
        if not self.gate.enter(self):
            self._refuse("503 Service Unavailable")
            return
        self._expect(self.gate.limits.header)
        if self.context is None:
            self._begin(transport)
        else:
            self._tls = asyncio.get_running_loop().create_task(self._encrypt(transport, self.context))

    async def _encrypt(self, transport: asyncio.Transport, context: ssl.SSLContext) -> None:
        limits, names = self.gate.limits, self.gate.security.web.sans
        try:
            self._begin(await encrypted(self, transport, context, limits.header, names))
        except HandshakeError as error:
            if self in self.gate.open:  # else this side ended it
                self.gate.handshake_failed(error.reason, self.peer, str(error))
            self.abort()

    def _begin(self, transport: asyncio.Transport) -> None:
        self._raw = transport
        early, self._early = self._early, None
        super().connection_made(transport)
        if early:
            self.data_received(early)

    def data_received(self, data: bytes) -> None:
        """Count the bytes before aiohttp reads them."""
        if not self._received and not self.is_busy:
            self._expect(self.gate.limits.header)
        self._received += len(data)
        if self._received > _MOST_HEADER:
            self._refuse("431 Request Header Fields Too Large")
        elif self._early is not None:
            self._early += data
        else:
            super().data_received(data)

    def eof_received(self) -> bool:  # type: ignore[override]
        """Keep answering a client that sends no more."""
        self._is_over = True
        return self.context is None and (self.is_busy or self._received > 0 or self._is_asked)

    def connection_lost(self, exc: BaseException | None) -> None:
        """Leave the gate."""
        self._leave()
        if self._early is None:
            super().connection_lost(exc)

    def _leave(self) -> None:
        self.gate.leave(self)
        if self._alarm is not None:
            self._alarm.cancel()

    def begin_answer(self) -> None:
        """Note that a request is complete."""
        self.is_busy = self._has_asked = True
        self._received = 0
        if self._alarm is not None:
            self._alarm.cancel()

    def end_answer(self) -> None:
        """Note that the answer is complete."""
        self.is_busy = self.is_waiting = False
        self.sends_since = None
        self.since = monotonic()
        self._expect(_LAST if self._is_over else self.gate.limits.idle)

    def _expect(self, seconds: float) -> None:
        if self._alarm is not None:
            self._alarm.cancel()
        if self in self.gate.open:
            self._alarm = asyncio.get_running_loop().call_later(seconds, self._expired)

    def _expired(self) -> None:
        if self._received and self._early is None:
            self._refuse("408 Request Timeout")
        elif self._is_over:  # the task of another request may be about to begin
            asyncio.get_running_loop().call_soon(self._finish_idle)
        else:
            self.abort()

    def _finish_idle(self) -> None:
        if self._is_asked:  # late on a busy node
            self._expect(_LAST)
        elif not self.is_busy:
            self.finish()

    @property
    def _is_asked(self) -> bool:
        """Whether a complete request waits or is about to begin."""
        return bool(self._messages) or (self._has_asked and self._waiter is None)

    @property
    def is_there(self) -> bool:
        """Whether the client is still connected."""
        return self in self.gate.open and self._raw is not None and not self._raw.is_closing()

    def give_way(self) -> None:
        """End at once, in favour of another client."""
        self.gate.counts.evicted += 1
        self.abort()

    def _refuse(self, status: str) -> None:
        """Answer in place of aiohttp, and close."""
        transport = self._raw
        if transport is None or transport.is_closing():
            return
        self.gate.counts.responses[int(status[:3])] += 1
        if self.context is None or self._early is None:
            fields = "Server: vipwarden\r\nContent-Length: 0\r\nConnection: close"
            transport.write(f"HTTP/1.1 {status}\r\n{fields}\r\n\r\n".encode())
        transport.close()
        asyncio.get_running_loop().call_later(1, transport.abort)

    def finish(self) -> None:
        """End when the answer has been sent."""
        if self._raw is not None:
            self._raw.close()

    def abort(self) -> None:
        """End at once."""
        self._leave()
        if self._raw is not None:
            self._raw.abort()

    def handle_error(self, _: BaseRequest, status: int = 500, exc: Any = None, *_rest: Any) -> Response:
        """Answer an error in place of aiohttp, whose page shows versions and which logs a traceback."""
        if status >= 500:
            self.log_exception("the answer failed", exc)
        text = "This is no HTTP request.\n" if status < 500 else "The exporter failed; see its log.\n"
        response = Response(status=status, text=text, headers=HEADERS)
        response.force_close()
        return response

    def log_exception(self, *args: Any, **kw: Any) -> None:
        """Log an internal error in one line."""
        error = kw.get("exc_info") or args[-1]
        self.gate.say(one_line(f"internal error: {type(error).__name__}: {error}"))
