"""How long may a client take, and how much may it send? One connection, from its first byte to its last.

aiohttp reads the requests and writes the answers; what is added here are the bounds that it does not have: for the
handshake and the header together, for the bytes of a header, for the answer, and for the number of connections.
"""

from __future__ import annotations

import asyncio
from time import monotonic
from typing import TYPE_CHECKING, Any

from exporter.http.aiohttp_server import RequestHandler, Response
from exporter.http.tls import alternative_names, failure
from vipwarden.core.result import one_line

if TYPE_CHECKING:
    import ssl

    from exporter.http.aiohttp_server import BaseRequest, StreamResponse
    from exporter.http.gate import Gate

HEADERS = {
    "Content-Security-Policy": "default-src 'none'; style-src 'self'; script-src 'self'; connect-src 'self'; "
    "img-src 'self'; base-uri 'none'; form-action 'self'; frame-ancestors 'none'",
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
    "Server": "vipwarden",  # and no word of versions
}
_MOST_HEADER = 32768
_LAST = 0.1  # seconds in which aiohttp begins with what a client still asked for before it ended
# the timer for idle connections is ours; and what is left of a body is not waited for
_OPTIONS: dict[str, Any] = {"access_log": None, "keepalive_timeout": 86400, "lingering_time": 0}


class Connection(RequestHandler):
    """A connection from the address ``peer``; ``is_local`` where it was made to a loopback address.

    ``is_waiting`` while its password has not been looked at, ``sends_since`` the moment from which it could read.
    """

    __slots__ = (
        "_alarm",
        "_early",
        "_has_asked",
        "_is_over",
        "_raw",
        "_received",
        "_tls",
        "context",
        "gate",
        "is_busy",
        "is_local",
        "is_waiting",
        "peer",
        "sends_since",
        "since",
    )

    def __init__(self, gate: Gate, is_local: bool) -> None:
        super().__init__(gate.server, loop=asyncio.get_running_loop(), **_OPTIONS)
        self.is_local = is_local
        self.is_busy = False
        self.is_waiting = False
        self.peer = ""
        self.sends_since: float | None = None
        self.since = monotonic()
        self.context: ssl.SSLContext | None = None
        self.gate = gate
        self._alarm: asyncio.TimerHandle | None = None
        self._raw: asyncio.Transport | None = None
        self._tls: asyncio.Task[None] | None = None
        self._early: bytes | None = b""  # what came before aiohttp was told of the connection
        self._received = 0
        self._is_over = self._has_asked = False

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Begin, with TLS where it is asked for."""
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
        loop = asyncio.get_running_loop()
        try:
            secured = await loop.start_tls(
                transport,
                self,
                context,
                server_side=True,
                ssl_handshake_timeout=self.gate.limits.header,
                ssl_shutdown_timeout=1,
            )
        except (OSError, asyncio.CancelledError) as error:  # SSLError and TimeoutError are such
            return self._fail("tls", f"the handshake failed: {failure(error)}")
        if secured is None:
            return self._fail("tls", "the client left in the handshake")
        wanted, certificate = self.gate.security.web.sans, secured.get_extra_info("peercert")
        if wanted and certificate and not wanted & alternative_names(certificate):
            return self._fail("certificate", "no name of the certificate is in client_allowed_sans")
        return self._begin(secured)

    def _fail(self, reason: str, text: str) -> None:
        """Count a connection that came to nothing, and log it, the same of the same address once a minute."""
        if self in self.gate.open:  # or it was we who ended it
            self.gate.handshake_failed(reason, self.peer, text)
        self.abort()

    def _begin(self, transport: asyncio.Transport) -> None:
        self._raw = transport
        early, self._early = self._early, None
        super().connection_made(transport)
        if early:
            self.data_received(early)

    def data_received(self, data: bytes) -> None:
        """Count what comes before aiohttp reads it."""
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
        """Go on answering a client that has said all it wants to say."""
        self._is_over = True
        return self.context is None and (self.is_busy or self._received > 0 or self._is_asked)

    def connection_lost(self, exc: BaseException | None) -> None:
        """End."""
        self._leave()
        if self._early is None:
            super().connection_lost(exc)

    def _leave(self) -> None:
        self.gate.leave(self)
        if self._alarm is not None:
            self._alarm.cancel()

    def begin_answer(self) -> None:
        """Note that a request is complete; what it takes from here on is ours."""
        self.is_busy = self._has_asked = True
        self._received = 0
        if self._alarm is not None:
            self._alarm.cancel()

    def end_answer(self) -> None:
        """Note that the answer is given."""
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
        elif self._is_over:  # the task of a further request may be about to begin
            asyncio.get_running_loop().call_soon(self._finish_idle)
        else:
            self.abort()

    def _finish_idle(self) -> None:
        if self._is_asked:  # a busy node comes to the next request late
            self._expect(_LAST)
        elif not self.is_busy:
            self.finish()

    @property
    def _is_asked(self) -> bool:
        """Whether a complete request waits, or aiohttp is about to begin with it."""
        return bool(self._messages) or (self._has_asked and self._waiter is None)

    @property
    def is_there(self) -> bool:
        """Whether the client has not gone."""
        return self in self.gate.open and self._raw is not None and not self._raw.is_closing()

    def give_way(self) -> None:
        """End at once, for another one."""
        self.gate.counts.evicted += 1
        self.abort()

    def _refuse(self, status: str) -> None:
        """Answer before aiohttp could, as far as the client reads that, and be gone."""
        transport = self._raw
        if transport is None or transport.is_closing():
            return
        self.gate.counts.responses[int(status[:3])] += 1
        if self.context is None or self._early is None:
            transport.write(
                f"HTTP/1.1 {status}\r\nServer: vipwarden\r\nContent-Length: 0\r\nConnection: close\r\n\r\n".encode()
            )
        transport.close()
        asyncio.get_running_loop().call_later(1, transport.abort)

    def finish(self) -> None:
        """End when what was answered has been sent."""
        if self._raw is not None:
            self._raw.close()

    def abort(self) -> None:
        """End at once."""
        self._leave()
        if self._raw is not None:
            self._raw.abort()

    def handle_error(
        self, request: BaseRequest, status: int = 500, exc: BaseException | None = None, message: str | None = None
    ) -> StreamResponse:
        """Answer what aiohttp could not read, in place of its own page, which tells versions and logs a trace."""
        del request, message
        if status >= 500:
            self.log_exception("the answer failed", exc)
        text = "This is no HTTP request.\n" if status < 500 else "The exporter failed; its log tells why.\n"
        response = Response(status=status, text=text, headers=HEADERS)
        response.force_close()
        return response

    def log_exception(self, *args: Any, **kw: Any) -> None:
        """Log a bug of ours in one line."""
        error = kw.get("exc_info") or args[-1]
        self.gate.say(one_line(f"internal error: {type(error).__name__}: {error}"))
