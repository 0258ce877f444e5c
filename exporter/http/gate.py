"""How many clients may there be, and which one gives way? All connections of an exporter."""

from __future__ import annotations

import asyncio
import secrets
from collections import Counter
from contextlib import suppress
from dataclasses import dataclass, field
from time import monotonic
from typing import TYPE_CHECKING, NamedTuple, Protocol

from exporter.http.counts import Counts
from vipwarden.core.result import one_line

if TYPE_CHECKING:
    from collections.abc import Callable

    from exporter.http.aiohttp_server import Server
    from exporter.http.web import Security


_TOLD, _MOST_TOLD = 60.0, 10  # seconds, and lines within them


class Limits(NamedTuple):
    """What a client may take, in seconds."""

    header: float = 10  # from the connection, or the first byte of a further request, to the end of the header
    idle: float = 130  # between requests: longer than the two minutes that Prometheus lets pass at most, as a rule
    send: float = 30  # to take an answer
    unhurried: float = 2  # the same, where others want to come in


class Client(Protocol):
    """A connection, as far as the gate knows it."""

    is_busy: bool
    is_waiting: bool
    peer: str
    sends_since: float | None
    since: float

    def give_way(self) -> None:
        """Leave for another."""

    def finish(self) -> None:
        """End where nothing is asked for."""

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
    _told: dict[tuple[str, str], float] = field(default_factory=dict)

    def enter(self, connection: Client) -> bool:
        """Let one more in, where need be in the place of another."""
        if len(self.open) >= self.most:
            other = self._dispensable()
            if other is None:
                return False
            other.give_way()
        self.open.add(connection)
        return True

    def _dispensable(self) -> Client | None:
        """Return who gives way: the longest silent, else who waits to be let in, else who reads too slowly.

        Of those who wait it is one of the address that has most of them.
        """
        silent = [one for one in self.open if not one.is_busy]
        if silent:
            return min(silent, key=lambda one: one.since)
        waiting = [one for one in self.open if one.is_waiting]
        if waiting:
            address = Counter(one.peer for one in waiting).most_common(1)[0][0]
            return secrets.choice([one for one in waiting if one.peer == address])
        late = monotonic() - self.limits.unhurried
        slow = [one for one in self.open if one.sends_since is not None and one.sends_since < late]
        return min(slow, key=lambda one: one.sends_since or 0, default=None)

    def handshake_failed(self, reason: str, peer: str, text: str) -> None:
        """Count it, and log it: the same of the same address once a minute, and no more than ten a minute."""
        self.counts.handshakes[reason] += 1
        now = monotonic()
        self._told = {key: when for key, when in self._told.items() if now - when < _TOLD}
        if (peer, text) not in self._told and len(self._told) < _MOST_TOLD:
            self._told[peer, text] = now
            self.say(one_line(f"TLS: {peer or 'a client'}: {text}", 300))

    def leave(self, connection: Client) -> None:
        """Forget one."""
        self.open.discard(connection)
        if not self.open:
            self._empty.set()

    async def close(self, seconds: float) -> None:
        """End the connections, at once where nothing is asked for on them, else after so many seconds at most."""
        for one in list(self.open):
            if not one.is_busy:
                one.finish()
        if self.open:
            self._empty.clear()
            with suppress(TimeoutError):
                async with asyncio.timeout(seconds):
                    await self._empty.wait()
        for one in list(self.open):
            one.abort()
        await self.server.shutdown(0.1)
