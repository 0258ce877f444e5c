"""What is the answer to /events and /api/events, also to those who wait for the next event?

Some read at a time, in turn. Who waits does not look at the record: one look is for all who wait.
"""

from __future__ import annotations

import asyncio
from functools import partial
from time import monotonic
from typing import TYPE_CHECKING

from exporter.http.answer import FRESH, HTML, Answer, busy, error
from exporter.peers import Peers
from vipwarden.core.result import one_line
from vipwarden.core.thread import in_thread

if TYPE_CHECKING:
    from collections.abc import Callable

    from exporter.frame import Frame
    from exporter.http.aiohttp_server import BaseRequest
    from exporter.timeline import Found, Wanted

PAGE, API = "/events", "/api/events"
_TURN = 0.5  # seconds between two looks for an event that somebody waits for
_AT_ONCE = 4  # requests that read
_PATIENT, _MOST = 0.5, 0.75  # parts of the connections that may wait for events, or ask for them: others find the rest


class Happened:
    """The events of one exporter."""

    def __init__(self, frame: Frame, is_ready: Callable[[], bool]) -> None:
        self._patient = 0  # requests that wait for the next event
        self._frame = frame
        self._is_ready = is_ready
        self._peers: Peers | None = None
        self._lane = asyncio.Semaphore(_AT_ONCE)
        self._marked = -_TURN
        self._mark: asyncio.Future[object] | None = None

    async def answer(self, request: BaseRequest) -> Answer:
        """Return the answer to an admitted request."""
        from exporter import timeline  # noqa: PLC0415 - scrapes need no events

        settings = self._frame.settings
        is_page = request.path == PAGE
        try:
            ask = timeline.wanted(request.query)
            found = await self._found(ask._replace(wait=0.0) if is_page else ask)
        except ValueError as problem:
            return error(request, 400, one_line(str(problem)))
        except FileNotFoundError:
            return error(request, 404, f"No recorder has written events in {' or '.join(settings.events)} yet.")
        except (OSError, RuntimeError) as problem:
            return error(request, 503, f"The events cannot be read: {one_line(str(problem))}")
        if found is None:
            return busy(request)
        if not is_page:
            return Answer(200, timeline.as_json(found, settings), "application/json", FRESH)
        if self._peers is None:
            self._peers = Peers(timeline.asked)
        peers = self._peers.look(settings.peers, settings.peer_access, b"")
        body = await in_thread(partial(timeline.as_html, found, settings, peers))[0]
        return Answer(200, body, HTML, FRESH)

    def is_busy(self, asking: int) -> bool:
        """Return whether another request finds no place, beside so many: they take turns."""
        return asking >= max(1, self._frame.settings.max_connections * _MOST)

    async def _found(self, ask: Wanted) -> Found | None:
        """Return what is wanted, after waiting for it; None where too many wait."""
        if not ask.wait:
            return await self._read(ask)
        if self._patient >= max(1, self._frame.settings.max_connections * _PATIENT):
            return None
        self._patient += 1
        try:
            return await self._next(ask)
        finally:
            self._patient -= 1

    async def _next(self, ask: Wanted) -> Found:
        until = monotonic() + ask.wait
        mark = await self._look()
        found = await self._read(ask)
        while not found.events and monotonic() < until and self._is_ready():
            await asyncio.sleep(min(_TURN, max(0.0, until - monotonic())))
            if (now := await self._look()) != mark:
                mark, ask = now, ask._replace(after=found.place)
                found = await self._read(ask)
        return found

    async def _read(self, ask: Wanted) -> Found:
        """Return what is wanted, in turn."""
        from exporter import timeline  # noqa: PLC0415 - scrapes need no events

        async with self._lane:
            return await in_thread(partial(timeline.look, self._frame.settings.events, ask))[0]

    async def _look(self) -> object:
        """Return what is another value where the record has changed; who asks at the same time gets the same."""
        from exporter import timeline  # noqa: PLC0415 - scrapes need no events

        now = monotonic()
        if self._mark is None or now - self._marked >= _TURN:
            self._marked = now
            self._mark, _ = in_thread(partial(timeline.mark, self._frame.settings.events))
        return await asyncio.shield(self._mark)
