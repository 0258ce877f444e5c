"""Which requests are refused, and how are answers sent?"""

from __future__ import annotations

import asyncio
import re
from collections import Counter
from contextlib import contextmanager
from ipaddress import ip_address
from time import monotonic
from typing import TYPE_CHECKING

from exporter.http.aiohttp_server import Response, StreamResponse
from exporter.http.answer import busy, error
from exporter.http.answers import PAGES, READING
from exporter.http.auth import CHALLENGE
from exporter.http.connection import HEADERS, Connection
from exporter.http.happened import API

if TYPE_CHECKING:
    from collections.abc import Iterator

    from exporter.http.aiohttp_server import BaseRequest
    from exporter.http.answer import Answer
    from exporter.http.answers import Answers

_CHUNK = 1 << 18
MOST_BODIES = 8
_SHARED = ("/", "/metrics")  # who asks at the same time gets the same


class Front:
    """Takes requests from the connections to the answers."""

    def __init__(self, answers: Answers) -> None:
        self._answers = answers
        self._reading: Counter[str] = Counter()
        self._bodies = Bodies()

    async def handle(self, request: BaseRequest) -> StreamResponse:
        """Answer a request."""
        connection = request.protocol
        assert isinstance(connection, Connection)  # noqa: S101 - for mypy
        connection.begin_answer()
        try:
            answer = await self._refusal(request, connection)
            if answer is None:
                with self._counted(request.path):
                    answer = await self._answers.answer(request)
            connection.gate.counts.responses[answer.status] += 1
            return await self._send(request, connection, answer)
        finally:
            connection.end_answer()

    async def _refusal(self, request: BaseRequest, connection: Connection) -> Answer | None:
        """Return the error for a request that is refused, else None."""
        security = connection.gate.security
        security.refresh()
        if not security.within_rate():
            return error(request, 429, "Too many requests: rate_limit of the web configuration says so.")
        if connection.is_local and not is_loopback(_host(request.headers.get("Host", "localhost"))):
            # else a web site could point its name to 127.0.0.1 and read this in the operator's browser
            text = "This exporter answers to localhost and loopback addresses; have a proxy send 'Host: localhost'."
            return error(request, 421, text)
        connection.is_waiting = True
        is_known = await security.passwords.admit(
            request.headers.get("Authorization"), connection.peer, lambda: connection.is_there
        )
        connection.is_waiting = False
        if not is_known:
            return error(request, 401, "A name and a password are wanted.", {"WWW-Authenticate": CHALLENGE})
        asking, most = self._reading[request.path], self._answers.frame.settings.max_scrapes
        if request.path == API:
            is_busy = self._answers.happened.is_busy(asking)
        else:
            is_busy = asking >= (most if request.path in _SHARED else max(1, most // PAGES))
        return busy(request) if is_busy else None

    @contextmanager
    def _counted(self, path: str) -> Iterator[None]:
        """Count the requests that wait for a reading, by path; the connections bound the sending."""
        if path not in READING:
            yield
            return
        self._reading[path] += 1
        try:
            yield
        finally:
            self._reading[path] -= 1

    async def _send(self, request: BaseRequest, connection: Connection, answer: Answer) -> StreamResponse:
        """Send a long body in chunks: connections share it, and none buffers a copy."""
        body = answer.body
        headers = {**HEADERS, **connection.gate.security.web.headers, **answer.headers, "Content-Type": answer.kind}
        response: StreamResponse
        if is_short := len(body) <= _CHUNK or request.method == "HEAD":
            response = Response(status=answer.status, headers=headers, body=body)
        else:
            headers["Content-Length"] = str(len(body))
            response = StreamResponse(status=answer.status, headers=headers)
        if connection.context is not connection.gate.security.web.context or not self._answers.is_ready:
            response.force_close()
        if is_short:
            return response
        connection.sends_since = monotonic()
        try:
            with self._bodies.sending(body, connection):
                async with asyncio.timeout(connection.gate.limits.send):
                    await response.prepare(request)
                    view = memoryview(body)  # whose slices are no copies
                    for start in range(0, len(body), _CHUNK):
                        await response.write(view[start : start + _CHUNK])
                    await response.write_eof()
        except (TimeoutError, ConnectionError):  # the client does not read, or has gone
            connection.abort()
        return response


class Bodies:
    """The long bodies that are being sent, oldest first, with their clients.

    Clients share a body. Of too many different bodies the oldest goes, and its clients give way.
    """

    def __init__(self) -> None:
        self._sent: dict[int, set[Connection]] = {}

    @contextmanager
    def sending(self, body: bytes, connection: Connection) -> Iterator[None]:
        """Keep a body while it is sent."""
        number = id(body)  # unique: the body outlives this
        self._sent.setdefault(number, set()).add(connection)
        if len(self._sent) > MOST_BODIES:
            for slow in self._sent.pop(next(iter(self._sent))):
                slow.give_way()
        try:
            yield
        finally:
            readers = self._sent.get(number)
            if readers is not None:
                readers.discard(connection)
                if not readers:
                    del self._sent[number]


def _host(header: str) -> str:
    """Return the name or address in a Host header."""
    match = re.fullmatch(r"(?:\[([^\]]*)\]|([^:]*))(?::[0-9]*)?", header.strip())
    return (match[1] or match[2] or "") if match else ""


def is_loopback(host: str) -> bool:
    """Return whether a name or an address is always this machine's own."""
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return host.lower() == "localhost"
