"""How does the exporter start, reload and end?"""

from __future__ import annotations

import asyncio
import errno
import socket
from typing import TYPE_CHECKING, Any

from exporter.frame import STEP, Frame
from exporter.handed import Handed
from exporter.http.aiohttp_server import Server as HttpServer
from exporter.http.answers import Answers
from exporter.http.connection import Connection
from exporter.http.front import Front, is_loopback
from exporter.http.gate import Gate, Limits
from exporter.http.web import Security
from exporter.process import keep_memory
from exporter.registry import sources
from vipwarden.config.document import ConfigError

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Iterator, Sequence

    from exporter.render.exposition import Metric
    from exporter.settings import Settings
    from vipwarden.core.listen import Listen

_LIMITS = Limits()
_LAST_SECONDS = 0.5  # for the requests that are under way when the end begins


class ListenError(OSError):
    """The exporter cannot listen on an address."""


def _say_nothing(_: str) -> None:
    """Log nothing."""


async def _nothing() -> None:
    """Reload nothing else."""


class Server:
    """An exporter; ``say`` takes lines for the log, ``cleanup()`` ends it."""

    def __init__(self, settings: Settings, say: Callable[[str], None], limits: Limits) -> None:
        """Prepare it; raises ConfigError for the web configuration."""
        self.settings = settings
        self._say = say
        self._answers = Answers(Frame(settings, sources(), say, Handed().tell), self._own)
        front = Front(self._answers)
        security = Security(settings.web_config, say)
        self._gate = Gate(HttpServer(front.handle), security, settings.max_connections, limits, say)
        self._listeners: list[tuple[Listen | None, asyncio.Server]] = []
        self._history: asyncio.Task[None] | None = None

    def _own(self) -> Iterator[Metric]:
        gate = self._gate
        return gate.counts.families(web_is_current=gate.security.is_current, connections=len(gate.open))

    @property
    def addresses(self) -> list[Any]:
        """Its addresses as of getsockname(), IPv4 before IPv6."""
        sockets = [sock for _, listener in self._listeners for sock in listener.sockets]
        return [sock.getsockname() for sock in sorted(sockets, key=lambda sock: sock.family)]

    @property
    def is_secured(self) -> bool:
        """Whether it uses TLS."""
        return self._gate.security.web.context is not None

    async def open(self, sockets: Sequence[socket.socket]) -> None:
        """Listen on these sockets, else on settings.listen; raises ListenError."""
        keep_memory()
        try:
            for sock in sockets:
                host = "" if sock.family == socket.AF_UNIX else sock.getsockname()[0]
                self._listeners.append((None, await self._listen(host, sock=sock)))
            for listen in () if sockets else sorted(self.settings.listen, key=_is_last):
                self._listeners.append((listen, await self._bind(listen)))
        except ListenError:
            await self.cleanup()
            raise
        self._history = asyncio.create_task(self._answers.frame.keep(STEP))
        self._answers.is_ready = True

    async def _bind(self, listen: Listen) -> asyncio.Server:
        try:
            if listen.host == "::":
                return await self._listen(listen.host, sock=_of_both_families(listen.port))
            return await self._listen(listen.host, host=listen.host or None, port=listen.port)
        except OSError as problem:
            if problem.errno == errno.EADDRINUSE:
                advice = f"see who has it by 'ss -ltnp sport = :{listen.port}', and stop that or listen elsewhere"
                raise ListenError(f"cannot listen on {listen}: the port is in use; {advice}") from None
            raise ListenError(f"cannot listen on {listen}: {problem.strerror or problem}") from None

    async def _listen(self, name: str, /, **where: Any) -> asyncio.Server:
        is_local = is_loopback(name)
        loop = asyncio.get_running_loop()
        return await loop.create_server(lambda: Connection(self._gate, is_local), **where)

    def refuse(self) -> None:
        """Count a reload that failed before its settings were known."""
        self._gate.counts.reload(worked=False)

    async def reload(self, settings: Settings, switch: Callable[[], Awaitable[None]] = _nothing) -> None:
        """Apply new settings; raises ConfigError or ListenError, and keeps the old ones then.

        ``switch`` reloads the rest, after all that can fail here; if it raises OSError the old settings stay as well.
        """
        try:
            await self._apply(settings, switch)
        except (ConfigError, OSError):
            self.refuse()
            raise
        self._gate.counts.reload(worked=True)

    async def _apply(self, settings: Settings, switch: Callable[[], Awaitable[None]]) -> None:
        security = Security(settings.web_config, self._say, self._gate.security)
        kept = [pair for pair in self._listeners if pair[0] is None or pair[0] in settings.listen]
        known = [listen for listen, _ in kept]
        opened: list[tuple[Listen | None, asyncio.Server]] = []
        try:
            for listen in sorted(set(settings.listen).difference(known), key=_is_last) if None not in known else ():
                opened.append((listen, await self._bind(listen)))  # noqa: PERF401 - to be closed if a later one fails
            await switch()
        except BaseException:
            for _, listener in opened:
                listener.close()
            raise
        for pair in self._listeners:
            if pair not in kept:
                pair[1].close()
        self._listeners = kept + opened
        self.settings = self._answers.frame.settings = settings
        self._gate.security, self._gate.most = security, settings.max_connections

    async def cleanup(self) -> None:
        """End: accept no more connections, give running answers a moment, and close all."""
        self._answers.is_ready = False
        if self._history is not None:
            self._history.cancel()
        for _, listener in self._listeners:
            listener.close()
        self._listeners = []
        await self._gate.close(_LAST_SECONDS)


def _is_last(listen: Listen) -> bool:
    """Whether it takes what the others leave: bound last."""
    return listen.host == "::"


def _of_both_families(port: int) -> socket.socket:
    """Return a socket for IPv6, and for IPv4 if that is free on the port."""
    address, is_dual = ("::", port), socket.has_dualstack_ipv6()
    try:
        return socket.create_server(address, family=socket.AF_INET6, dualstack_ipv6=is_dual)
    except OSError as error:
        if error.errno != errno.EADDRINUSE or not is_dual:
            raise
    return socket.create_server(address, family=socket.AF_INET6)


async def start(
    settings: Settings,
    say: Callable[[str], None] = _say_nothing,
    *,
    sockets: Sequence[socket.socket] = (),
    limits: Limits = _LIMITS,
) -> Server:
    """Start an exporter, on open ``sockets`` or on settings.listen; raises ListenError and ConfigError."""
    server = Server(settings, say, limits)
    await server.open(sockets)
    return server
