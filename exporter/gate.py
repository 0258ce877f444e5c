"""How many clients may there be, and which one gives way? All connections of an exporter."""

from __future__ import annotations

import asyncio
from contextlib import suppress
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Callable

    from aiohttp import web

    from exporter.connection import Connection
    from exporter.web import Security


class Limits(NamedTuple):
    """What a client may take, in seconds."""

    header: float = 10  # from the connection, or the first byte of a further request, to the end of the header
    idle: float = 130  # between requests: longer than the two minutes that Prometheus lets pass at most, as a rule
    send: float = 30  # to take an answer


@dataclass(slots=True)
class Gate:
    """All connections of an exporter."""

    server: web.Server
    security: Security
    most: int
    limits: Limits
    say: Callable[[str], None]
    open: set[Connection] = field(default_factory=set)
    _empty: asyncio.Event = field(default_factory=asyncio.Event)

    def enter(self, connection: Connection) -> bool:
        """Let one more in, where need be in the place of the one that has been silent for longest."""
        if len(self.open) >= self.most:
            silent = [one for one in self.open if not one.is_busy]
            if not silent:
                return False
            min(silent, key=lambda one: one.since).abort()
        self.open.add(connection)
        return True

    def leave(self, connection: Connection) -> None:
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
                await asyncio.wait_for(self._empty.wait(), seconds)
        for one in list(self.open):
            one.abort()
        await self.server.shutdown(0.1)
