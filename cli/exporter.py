"""What does this node hold, and how does it fare? Serves the page and /metrics until it is told to stop.

It runs no check itself: ``vipwarden agent`` does, and its verdicts are shown.
"""

from __future__ import annotations

import asyncio
import signal
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

from exporter.http.activation import ActivationError, activated
from exporter.http.server import ListenError, start
from exporter.http.web import Security
from exporter.notify import Notify
from exporter.settings import settings
from vipwarden import VERSION
from vipwarden.config.document import PATH, SECTIONS, ConfigError, Document
from vipwarden.config.entries import checks
from vipwarden.core.commandline import CommandLine
from vipwarden.core.options import File  # noqa: TC001 - options() looks it up

if TYPE_CHECKING:
    from exporter.http.server import Server
    from exporter.settings import Settings

_USED = ("config", "check_config")


def exporter(*, config: File | None = None, check_config: bool = False, **values: Any) -> int:
    """Serve the page and /metrics of this node.

    It runs no check: "vipwarden agent" does, and its verdicts are shown. An option overrides its key in the section
    "exporter" of the configuration. Exit codes: 0 told to stop, 1 it cannot start, 2 the configuration or an option is
    wrong.

    config: configuration file, by default /etc/vipwarden/vipwarden.yaml where there is one
    check_config: read the configuration and the web configuration, report what is wrong, and end with 0 or 2
    """
    given = {"config": config, "check_config": check_config, **values}
    try:
        if check_config:
            Security(read(given).web_config, say)
            sys.stdout.write(f"{_path(given) or 'no configuration'}: nothing wrong\n")
            return 0
        return asyncio.run(_serve(given))
    except ConfigError as error:
        sys.stderr.write(f"vipwarden exporter: {error}\n")
        return 2
    except (ActivationError, ListenError) as error:
        sys.stderr.write(f"vipwarden exporter: {error}\n")
        return 1


main = CommandLine("vipwarden exporter", exporter, settings)


def _path(given: dict[str, Any]) -> str | None:
    return given.get("config") or (PATH if Path(PATH).exists() else None)


def read(given: dict[str, Any]) -> Settings:
    """Return the settings of the configuration, and of the command line before it; raises ConfigError."""
    path = _path(given)
    document = Document(path or "", None if path else "", sections=SECTIONS)
    if given.get("check_config"):
        checks(document)  # which are the agent's, but stand in the same file
    values: dict[str, Any] = document.section("exporter", settings)
    return settings(**values | {name: value for name, value in given.items() if name not in _USED})


async def _serve(given: dict[str, Any]) -> int:
    loop, stop, again = asyncio.get_running_loop(), asyncio.Event(), asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stop.set)
    loop.add_signal_handler(signal.SIGHUP, again.set)
    signal.pthread_sigmask(signal.SIG_UNBLOCK, [signal.SIGHUP])  # what came before now is not lost
    notify = Notify()
    server = await start(read(given), say, sockets=activated())
    try:
        say(f"vipwarden {VERSION} {_status(server)}")
        notify.ready(_status(server))
        tasks = [asyncio.create_task(work) for work in (notify.live(), _reload(server, given, again, notify))]
        await stop.wait()
        for task in tasks:
            task.cancel()
    finally:
        notify.stopping()
        await server.cleanup()
    return 0


async def _reload(server: Server, given: dict[str, Any], again: asyncio.Event, notify: Notify) -> None:
    """Read the configuration again at each SIGHUP; a wrong one is told of and the old one stays."""
    while await again.wait():
        again.clear()
        notify.reloading()
        try:
            try:
                wanted = read(given)
            except ConfigError:
                server.refuse()
                raise
            await server.reload(wanted)
            say(f"configuration read again, {_status(server)}")
        except (ConfigError, ListenError) as error:
            say(f"{error}; the configuration read before stays in force")
        notify.ready(_status(server))


def _status(server: Server) -> str:
    return "serves " + " and ".join(_url(server, address) for address in server.addresses)


def _url(server: Server, address: Any) -> str:
    if not isinstance(address, tuple):
        return f"unix:{address}"
    host, port = address[:2]
    return f"{'https' if server.is_secured else 'http'}://{f'[{host}]' if ':' in host else host}:{port}/"


def say(text: str) -> None:
    """Log a line."""
    sys.stderr.write(f"{text}\n")
    sys.stderr.flush()
