"""How do agent, exporter and recorder run in one process?"""

from __future__ import annotations

import asyncio
import hashlib
import os
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any

from agent.agent import AgentError
from agent.log import Log
from agent.settings import plan, plan_of
from cli.agent import AgentService, complain, raise_limits
from cli.exporter import opened, read, usual
from cli.recorder import recording
from cli.service import confirm, serve
from exporter.http.answers import HEALTHY
from exporter.http.server import ListenError, start
from exporter.http.web import Security
from vipwarden import VERSION
from vipwarden.config.document import ConfigError, Mistakes
from vipwarden.core.commandline import CommandLine
from vipwarden.core.listen import Listen
from vipwarden.core.options import File  # noqa: TC001 - options() looks it up
from vipwarden.core.thread import in_thread
from vipwarden.core.values import endpoint
from vipwarden.state import files, paths

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from agent.settings import Plan
    from exporter.http.server import Server
    from exporter.settings import Settings

# Where nothing is configured vipwarden checks itself. The page for people is never the same twice, so the digest is
# that of the page of its health.
DEFAULT = """\
checks:
  vipwarden process:
    check: process
    command: vipwarden
    pidfile: "{pidfile}"
  vipwarden port:
    check: port
    host: "{host}"
    port: {port}
  vipwarden page:
    check: http_digest
    host: "{host}"
    port: {port}
    path: /-/healthy
    digest: {digest}
"""


def run(*, config: File | None = None, listen: Listen | None = None, check_config: bool = False) -> int:
    """Run the configured checks, serve the page and /metrics of this node and record its events, in one process.

    Without a configuration vipwarden checks itself. Exit codes: 0 stopped, 1 it cannot start, 2 the configuration
    or an option is wrong.

    config: configuration file, by default /etc/vipwarden/vipwarden.yaml where there is one
    listen: ADDRESS:PORT to serve the page and /metrics at
    check_config: read the configuration, report what is wrong, and end
    """
    log = Log()
    try:
        node = _Node(usual(config), listen, log)
        if check_config:
            Security(node.settings.web_config, print)
            return confirm(node.document, f"{len(node.plan.entries)} checks, ")
        raise_limits()
        asyncio.run(serve(node, log.say))
    except ConfigError as error:
        complain(f"vipwarden run: {error}")
        return 2
    except (AgentError, ListenError) as error:
        complain(f"vipwarden run: {error}")
        return 1
    finally:
        log.close()
    return 0


main = CommandLine("vipwarden run", run)


class _Node(AgentService):
    """Agent and exporter by a configuration, by default the built-in; ``listen`` overrides its key.

    Raises ConfigError.
    """

    def __init__(self, path: str, listen: Listen | None, log: Log) -> None:
        self.path = path
        self._given: dict[str, Any] = {} if listen is None else {"listen": (listen,)}
        self._server: Server
        self.settings, plan = self._read()
        super().__init__(plan, log)

    def _read(self) -> tuple[Settings, Plan]:
        self.document = document = opened(self.path)
        mistakes = Mistakes()
        with mistakes.kept():
            settings = read(document, self._given)
        with mistakes.kept():
            plan = plan_of(document)
        mistakes.end()
        return settings, plan

    async def run(self, ready: Callable[[], None]) -> None:
        """Serve the page and run the checks; raises ListenError and AgentError."""
        seen = self.settings
        server = self._server = await start(seen, self.log.say)
        try:
            with _pidfile() as pidfile, recording(seen, self.log.say):
                listen = _own(*server.addresses[0][:2])
                if not self.path:
                    self.plan = _default(pidfile, listen)
                url = f"{'https' if server.is_secured else 'http'}://{listen}"
                count = len(self.plan.entries)
                self.log.say(f"vipwarden {VERSION} runs {count} checks: open {url}/ (metrics: {url}/metrics)")
                await super().run(ready)
        finally:
            await server.cleanup()

    async def reload(self) -> None:
        """Go over to another configuration, in both parts or in none; raises ConfigError or OSError."""
        try:
            settings, plan = await in_thread(self._read)[0]
        except ConfigError:
            self._server.refuse()
            raise
        await self._server.reload(settings, lambda: self.switch(plan if self.path else self.plan))


def _default(pidfile: str, listen: Listen) -> Plan:
    digest = hashlib.md5(HEALTHY, usedforsecurity=False).hexdigest()
    text = DEFAULT.format(pidfile=pidfile, host=listen.host, port=listen.port, digest=digest)
    return plan("built-in configuration", text)


def _own(host: str, port: int) -> Listen:
    """Return the address by which this node itself reaches what listens there."""
    host = {"0.0.0.0": "127.0.0.1", "::": "::1"}.get(host, host)  # noqa: S104 - read, not bound
    return Listen(endpoint(host, port))


@contextmanager
def _pidfile() -> Iterator[str]:
    """Keep the number of this process beside the verdicts while it runs; raises AgentError."""
    path = paths.pidfile()
    try:
        for folder in (paths.verdicts(), paths.handover()):  # keepalived drops track files without a folder
            files.ready(folder)
        files.write(path, b"%d\n" % os.getpid())
    except OSError as error:
        raise AgentError(f"cannot use {paths.runtime()}: {error.strerror}") from None
    try:
        yield path
    finally:
        with suppress(OSError):
            Path(path).unlink()
