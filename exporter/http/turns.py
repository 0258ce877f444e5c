"""Whose turn is it? Addresses take turns; those with a recent wrong password come last."""

from __future__ import annotations

import asyncio
from collections import deque
from contextlib import asynccontextmanager
from time import monotonic
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

_REMEMBERED = 60.0  # seconds after a wrong password
_MOST_REMEMBERED = 1024


class Turns:
    """The addresses that wait, the next one first."""

    def __init__(self) -> None:
        self._waiting: dict[str, deque[asyncio.Future[None]]] = {}
        self._wrong: dict[str, float] = {}
        self._is_taken = False

    @asynccontextmanager
    async def turn(self, client: str) -> AsyncIterator[None]:
        """Wait for the turn of an address, and pass it on at the end."""
        if self._is_taken:
            future: asyncio.Future[None] = asyncio.get_running_loop().create_future()
            self._waiting.setdefault(client, deque()).append(future)
            try:
                await future
            except asyncio.CancelledError:
                if future.done() and not future.cancelled():  # its turn came at the same moment
                    self._next()
                raise
        self._is_taken = True
        try:
            yield
        finally:
            self._next()

    def note(self, client: str, *, right: bool) -> None:
        """Remember an address with a wrong password, forget it after a right one."""
        self._wrong.pop(client, None)
        if not right:
            self._wrong[client] = monotonic()
            if len(self._wrong) > _MOST_REMEMBERED:
                del self._wrong[next(iter(self._wrong))]

    def _next(self) -> None:
        self._is_taken = False
        now = monotonic()
        while self._waiting:
            innocent = (it for it in self._waiting if now - self._wrong.get(it, -_REMEMBERED) >= _REMEMBERED)
            client = next(innocent, None) or next(iter(self._waiting))
            queue = self._waiting.pop(client)
            future = queue.popleft()
            if queue:
                self._waiting[client] = queue  # behind the others
            if not future.done():
                self._is_taken = True
                future.set_result(None)
                return
