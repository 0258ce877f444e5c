"""How are the page and /metrics of this node served? Runs no check: ``vipwarden agent`` does."""

from __future__ import annotations

import asyncio
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

from cli.service import confirm, serve
from exporter.http.activation import ActivationError, activated
from exporter.http.server import ListenError, start
from exporter.http.web import Security
from exporter.settings import DEFAULT, settings
from vipwarden import VERSION
from vipwarden.config.document import PATH, SECTIONS, ConfigError, Document, Mistakes
from vipwarden.config.entries import checks
from vipwarden.core.commandline import CommandLine
from vipwarden.core.options import File  # noqa: TC001 - options() looks it up
from vipwarden.core.thread import in_thread
from vipwarden.core.values import endpoint

if TYPE_CHECKING:
    from collections.abc import Callable

    from exporter.http.server import Server
    from exporter.settings import Settings


def exporter(*, config: File | None = None, check_config: bool = False, **values: Any) -> int:
    """Serve the page and /metrics of this node.

    It runs no check: "vipwarden agent" does, and its verdicts are shown. An option overrides its key in the section
    "exporter" of the configuration. Exit codes: 0 stopped, 1 it cannot start, 2 the configuration or an option is
    wrong.

    config: configuration file, by default /etc/vipwarden/vipwarden.yaml where there is one
    check_config: read the configuration and the web configuration, report what is wrong, and end with 0 or 2
    """
    try:
        if check_config:
            document = opened(usual(config))
            mistakes = Mistakes()
            with mistakes.kept():
                checks(document)  # which are the agent's, but stand in the same file
            with mistakes.kept():
                Security(read(document, values).web_config, say)
            mistakes.end()
            return confirm(document)
        asyncio.run(serve(_Exporter(config, values), say))
    except ConfigError as error:
        sys.stderr.write(f"vipwarden exporter: {error}\n")
        return 2
    except (ActivationError, ListenError) as error:
        sys.stderr.write(f"vipwarden exporter: {error}\n")
        return 1
    return 0


main = CommandLine("vipwarden exporter", exporter, settings)


def usual(config: str | None) -> str:
    """Return the path of the configuration, by default that of the node, "" where there is none."""
    return config or (PATH if Path(PATH).exists() else "")


def opened(path: str) -> Document:
    """Return a configuration, an empty configuration without a path; raises ConfigError."""
    return Document(path, None if path else "", sections=SECTIONS)


def read(document: Document, given: dict[str, Any]) -> Settings:
    """Return the settings of a configuration, overridden by what is given; raises ConfigError."""
    values: dict[str, Any] = document.section("exporter", settings)
    return settings(**values | given)


class _Exporter:
    """The exporter by a configuration and the options of the command line; see cli/service.py."""

    def __init__(self, config: str | None, given: dict[str, Any]) -> None:
        self._config = config
        self._given = given
        self._server: Server

    def _read(self) -> Settings:
        document = opened(usual(self._config))
        try:
            checks(document)
        except ConfigError as error:  # no reason not to show what there is
            say(f"the agent refuses this configuration: {error}")
        return read(document, self._given)

    @property
    def status(self) -> str:
        """Where it serves."""
        return "serves " + " and ".join(_url(self._server, address) for address in self._server.addresses)

    async def run(self, ready: Callable[[], None]) -> None:
        """Serve; raises ConfigError, ActivationError and ListenError."""
        wanted, sockets = self._read(), activated()
        if sockets and wanted.listen != (DEFAULT,):
            say(f"listen ({', '.join(map(str, wanted.listen))}) does not count: the socket unit opened the addresses")
        self._server = await start(wanted, say, sockets=sockets)
        try:
            say(f"vipwarden {VERSION} {self.status}")
            ready()
            await asyncio.Future()
        finally:
            await self._server.cleanup()

    async def reload(self) -> None:
        """Go over to another configuration; raises ConfigError or ListenError."""
        try:
            wanted = await in_thread(self._read)[0]
        except ConfigError:
            self._server.refuse()
            raise
        await self._server.reload(wanted)


def _url(server: Server, address: Any) -> str:
    if not isinstance(address, tuple):
        return f"unix:{address}"
    host, port = address[:2]
    return f"{'https' if server.is_secured else 'http'}://{endpoint(host, port)}/"


def say(text: str) -> None:
    """Log a line."""
    sys.stderr.write(f"{text}\n")
    sys.stderr.flush()
