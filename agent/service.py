"""How does the agent live as a service? SIGTERM ends it, SIGHUP has it read its configuration, systemd is told."""

from __future__ import annotations

import asyncio
import signal
from time import CLOCK_MONOTONIC, clock_gettime_ns
from typing import TYPE_CHECKING

from agent.agent import Agent
from checks.core.config import ConfigError
from checks.core.systemd import notify

if TYPE_CHECKING:
    from collections.abc import Callable

    from agent.settings import Plan


async def serve(load: Callable[[], Plan], runtime: str, say: Callable[[str], None], first: Plan) -> None:
    """Run the first plan, and those that ``load`` brings, until SIGTERM or SIGINT; raises AgentError."""
    agent = Agent(first.entries, runtime, say, first.settings.restart_grace)
    loop = asyncio.get_running_loop()
    stop = asyncio.Event()
    wanted = asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stop.set)
    loop.add_signal_handler(signal.SIGHUP, wanted.set)

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
                agent.grace = plan.settings.restart_grace
                await agent.reload(plan.entries)
                say(f"reloaded: {len(plan.entries)} checks")
            except ConfigError as error:
                say(f"not reloaded, the checks go on as before: {error}")
            except OSError as error:
                say(f"not reloaded, the checks go on as before: {error.strerror or error}")
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
