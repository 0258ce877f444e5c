"""How does the agent live as a service? SIGTERM ends it, SIGHUP has it read its configuration, systemd is told."""

from __future__ import annotations

import asyncio
import logging
import signal
from time import CLOCK_MONOTONIC, clock_gettime_ns
from typing import TYPE_CHECKING, Any

from agent.agent import Agent
from agent.log import Handler
from vipwarden.config.document import ConfigError
from vipwarden.core.result import bug
from vipwarden.core.systemd import notify

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from agent.log import Log
    from agent.settings import Plan

_SIGNALS = (signal.SIGTERM, signal.SIGINT, signal.SIGHUP)


async def _nothing_else() -> None:
    """Reload nothing besides the checks."""


async def serve(
    load: Callable[[], Plan],
    runtime: str,
    log: Log,
    first: Plan,
    besides: Callable[[], Awaitable[None]] = _nothing_else,
) -> None:
    """Run the first plan, and those that ``load`` brings, until SIGTERM or SIGINT; raises AgentError.

    ``besides`` reloads what else belongs to a configuration that was loaded; it may raise as ``load`` does, and then
    the checks stay as they were.
    """
    agent = Agent(first.entries, runtime, log.say, first.settings.restart_grace, lambda: log.dropped)
    loop = asyncio.get_running_loop()
    stop = asyncio.Event()
    wanted = asyncio.Event()
    for number in _SIGNALS:
        loop.add_signal_handler(number, wanted.set if number == signal.SIGHUP else stop.set)
    signal.pthread_sigmask(signal.SIG_UNBLOCK, _SIGNALS)  # what came before now is not lost
    _log_by(log, loop)

    def ready() -> None:
        notify("READY=1", f"STATUS={len(agent.watches)} checks")

    def beat() -> None:
        notify("WATCHDOG=1")

    async def reload() -> None:
        while True:
            await wanted.wait()
            wanted.clear()
            notify("RELOADING=1", f"MONOTONIC_USEC={clock_gettime_ns(CLOCK_MONOTONIC) // 1000}")
            try:
                plan = await asyncio.to_thread(load)  # thousands of checks take seconds to read
                await besides()
                await agent.reload(plan.entries)
                agent.grace = plan.settings.restart_grace
                log.say(f"reloaded: {len(plan.entries)} checks")
            except ConfigError as error:
                log.say(f"not reloaded, the checks go on as before: {error}")
            except OSError as error:
                log.say(f"not reloaded, the checks go on as before: {error.strerror or error}")
            except Exception as error:  # noqa: BLE001 - no threads left, or our own bug: no reason to end
                log.say(f"not reloaded, the checks go on as before: {bug('reload', error).text}")
            ready()

    running = asyncio.create_task(agent.run(ready, beat))
    tasks = [running, asyncio.create_task(stop.wait()), asyncio.create_task(reload())]
    try:
        await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
        notify("STOPPING=1")
        for task in tasks:
            if task.done() and not task.cancelled():
                task.result()  # ends by itself only where the agent cannot run, or by a bug of ours
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)


def _log_by(log: Log, loop: asyncio.AbstractEventLoop) -> None:
    """Have libraries say what they say by our log: standard error may be the very pipe that nobody reads."""

    def trouble(_loop: asyncio.AbstractEventLoop, context: dict[str, Any]) -> None:
        error = context.get("exception")
        log.say(f"{context.get('message')}: {type(error).__name__}: {error}" if error else str(context.get("message")))

    loop.set_exception_handler(trouble)
    root = logging.getLogger()
    if not root.handlers:
        root.addHandler(Handler(log))
