"""How many clients may connect, and which one gives way?"""

from __future__ import annotations

import asyncio
import secrets
from collections import Counter
from contextlib import suppress
from dataclasses import dataclass, field
from time import monotonic
from typing import TYPE_CHECKING, NamedTuple, Protocol

from exporter.http.counts import Counts
from exporter.http.log import SparingLog
from vipwarden.core.result import one_line

if TYPE_CHECKING:
    from collections.abc import Callable

    from exporter.http.aiohttp_server import Server
    from exporter.http.web import Security


class Limits(NamedTuple):
    """The limits of a client, in seconds."""

    header: float = 10  # from the connection, or the first byte of the next request, to the end of the header
    idle: float = 130  # between requests: Prometheus' longest usual interval is two minutes
    send: float = 30  # to take an answer
    unhurried: float = 2  # the same while others wait to connect


class Client(Protocol):
    """A connection as the gate sees it."""

    is_busy: bool
    is_waiting: bool
    peer: str
    sends_since: float | None
    since: float

    def give_way(self) -> None:
        """End in favour of another client."""

    def finish(self) -> None:
        """End after the answer."""

    def abort(self) -> None:
        """End at once."""


@dataclass(slots=True)
class Gate:
    """All connections of an exporter."""

    server: Server
    security: Security
    most: int
    limits: Limits
    say: Callable[[str], None]
    counts: Counts = field(default_factory=Counts)
    open: set[Client] = field(default_factory=set)
    _empty: asyncio.Event = field(default_factory=asyncio.Event)
    _log: SparingLog = field(init=False)

    def __post_init__(self) -> None:
        self._log = SparingLog(self.say)

    def enter(self, connection: Client) -> bool:
        """Admit a connection, if necessary in place of another."""
        if len(self.open) >= self.most:
            other = self._dispensable()
            if other is None:
                return False
            other.give_way()
        self.open.add(connection)
        return True

    def _dispensable(self) -> Client | None:
        """Return the connection that gives way: idle for longest, waiting for its password, or slow to read.

        Of those waiting it is one of the address that has most of them.
        """
        if idle := [it for it in self.open if not it.is_busy]:
            return min(idle, key=lambda it: it.since)
        if waiting := [it for it in self.open if it.is_waiting]:
            address = Counter(it.peer for it in waiting).most_common(1)[0][0]
            return secrets.choice([it for it in waiting if it.peer == address])
        late = monotonic() - self.limits.unhurried
        slow = [it for it in self.open if it.sends_since is not None and it.sends_since < late]
        return min(slow, key=lambda it: it.sends_since or 0, default=None)

    def handshake_failed(self, reason: str, peer: str, text: str) -> None:
        """Count and log it."""
        self.counts.handshakes[reason] += 1
        self._log.say(one_line(f"TLS: {peer or 'a client'}: {text}", 300))

    def leave(self, connection: Client) -> None:
        """Forget a connection."""
        self.open.discard(connection)
        if not self.open:
            self._empty.set()

    async def close(self, seconds: float) -> None:
        """End idle connections at once, others within some seconds."""
        for connection in [it for it in self.open if not it.is_busy]:
            connection.finish()
        if self.open:
            self._empty.clear()
            with suppress(TimeoutError):
                async with asyncio.timeout(seconds):
                    await self._empty.wait()
        for connection in list(self.open):
            connection.abort()
        await self.server.shutdown(0.1)
