"""How is the agent started, reloaded and cleaned up after?"""

from __future__ import annotations

import asyncio
import resource
import sys
from functools import partial
from typing import TYPE_CHECKING

from agent.agent import Agent, AgentError
from agent.log import Log, route
from agent.relief import fail_closed
from agent.settings import plan, plan_of
from cli.peers import asks
from cli.service import confirm, serve
from vipwarden import VERSION
from vipwarden.config.document import PATH, SECTIONS, ConfigError, Document
from vipwarden.core.commandline import CommandLine
from vipwarden.core.options import File  # noqa: TC001 - options() looks it up
from vipwarden.core.thread import in_thread
from vipwarden.state.paths import runtime

if TYPE_CHECKING:
    from collections.abc import Callable

    from agent.settings import Plan


def agent(*, config: File = PATH, check_config: bool = False, fail_closed: bool = False) -> int:
    """Run all checks of the configuration in one process and hand their verdicts to keepalived.

    It fails closed. Exit codes: 0 stopped, 1 it cannot run, 2 the configuration or an option is wrong.

    config: configuration file
    check_config: read the configuration, report what is wrong, and end
    fail_closed: for ExecStopPost: withdraw the healthy verdicts of a lost agent that has no watchdog or successor
    """
    if fail_closed:
        return _fail_closed()
    try:
        document = Document(config, sections=SECTIONS)
        first = plan_of(document)
        asks(first)
    except ConfigError as error:
        sys.stderr.write(f"vipwarden agent: {error}\n")
        return 2
    if check_config:
        return confirm(document, f"{len(first.entries)} checks, ")
    raise_limits()
    log = Log()
    log.say(f"vipwarden {VERSION} runs {len(first.entries)} checks of {config}")
    try:
        asyncio.run(serve(_FromFile(config, first, log), log.say))
    except AgentError as error:
        complain(f"vipwarden agent: {error}")
        return 1
    finally:
        log.close()
    return 0


class AgentService:
    """The agent by a plan; a subclass knows what a reload reads."""

    def __init__(self, plan: Plan, log: Log) -> None:
        self.plan = plan
        self.log = log
        self.agent: Agent

    @property
    def status(self) -> str:
        """How many checks it runs."""
        return f"{len(self.agent.watches)} checks"

    async def run(self, ready: Callable[[], None]) -> None:
        """Run the checks; raises AgentError."""
        route(self.log, asyncio.get_running_loop())
        plan, log = self.plan, self.log
        grace, marks, doors, allow = plan.settings
        unsaid = lambda: log.dropped  # noqa: E731
        groups = plan.panics, asks(plan)
        self.agent = Agent(plan.entries, runtime(), log.say, grace, unsaid, marks, *groups, doors, allow)
        await self.agent.run(ready)

    async def switch(self, plan: Plan) -> None:
        """Go over to another plan; raises OSError."""
        settings = plan.settings
        await self.agent.reload(plan.entries, plan.panics, asks(plan), settings.listen, settings.allow)
        self.agent.grace = settings.restart_grace
        self.agent.paths.marks = settings.via_marks


class _FromFile(AgentService):
    """The agent by the section checks of a configuration file."""

    def __init__(self, path: str, first: Plan, log: Log) -> None:
        super().__init__(first, log)
        self._path = path

    async def reload(self) -> None:
        """Go over to what the file says now; raises ConfigError or OSError."""
        await self.switch(await in_thread(partial(plan, self._path))[0])  # thousands of checks take seconds to read


def _fail_closed() -> int:
    try:
        left = fail_closed(runtime())
    except (OSError, ValueError) as error:
        sys.stderr.write(f"vipwarden agent: cannot tell which track files have to fail: {error}\n")
        return 1
    if left:
        sys.stderr.write(f"vipwarden agent: {left} track files could neither be written nor removed\n")
    return 1 if left else 0


def raise_limits() -> None:
    """Allow as many connections at once as the system does."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if soft != hard:
        resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))


def complain(text: str) -> None:
    """Write to standard error why it ends; a reader that hangs holds nothing up."""
    log = Log(2)
    log.say(text)
    log.close()


main = CommandLine("vipwarden agent", agent)
