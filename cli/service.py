"""How does a command run as a service? SIGTERM ends it, SIGHUP reloads it, and systemd is notified."""

from __future__ import annotations

import asyncio
import os
import signal
import sys
from time import CLOCK_MONOTONIC, clock_gettime_ns
from typing import TYPE_CHECKING, Protocol

from vipwarden.config.document import ConfigError
from vipwarden.core.result import bug
from vipwarden.core.systemd import notify

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from vipwarden.config.document import Document

_SIGNALS = (signal.SIGTERM, signal.SIGINT, signal.SIGHUP)


class Service(Protocol):
    """What serve() runs."""

    @property
    def status(self) -> str:
        """What it does now, for the log and systemd."""

    async def run(self, ready: Callable[[], None]) -> None:
        """Work until it is cancelled; ``ready`` is called when the start is over."""

    async def reload(self) -> None:
        """Read the whole configuration and go over to it; raises ConfigError or OSError, and then goes on as before."""


async def serve(service: Service, say: Callable[[str], None]) -> None:
    """Run a service until SIGTERM or SIGINT; ``say`` takes lines for the log. Raises what its run() raises."""
    loop = asyncio.get_running_loop()
    stop, wanted, begun = asyncio.Event(), asyncio.Event(), asyncio.Event()
    for number in _SIGNALS:
        loop.add_signal_handler(number, wanted.set if number == signal.SIGHUP else stop.set)
    signal.pthread_sigmask(signal.SIG_UNBLOCK, _SIGNALS)  # what came before now is not lost

    def ready() -> None:
        notify("READY=1", f"STATUS={service.status}")
        begun.set()

    async def reload() -> None:
        await begun.wait()
        while await wanted.wait():
            wanted.clear()
            notify("RELOADING=1", f"MONOTONIC_USEC={clock_gettime_ns(CLOCK_MONOTONIC) // 1000}")
            say(await _reloaded(service))
            ready()

    async def live() -> None:
        await begun.wait()
        while period:
            notify("WATCHDOG=1")
            await asyncio.sleep(period / 10)  # a loop that is late for once is no reason to end it
        await asyncio.Future()

    period = watchdog()
    tasks = [asyncio.create_task(work) for work in (service.run(ready), stop.wait(), reload(), live())]
    try:
        await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
        notify("STOPPING=1")
        for task in tasks:
            if task.done() and not task.cancelled():
                task.result()  # ends by itself only where it cannot run, or by a bug of ours
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)


def confirm(document: Document, what: str = "") -> int:
    """Print that a configuration is right, after warnings for files that are missing; return the exit code."""
    warnings = document.missing()
    sys.stderr.writelines(f"warning: {line}\n" for line in warnings)
    right = "no mistakes" if warnings else "nothing wrong"
    sys.stdout.write(f"{document.path or 'no configuration'}: {what}{right}\n")
    return 0


async def _reloaded(service: Service) -> str:
    """Reload a service and return what to log."""
    try:
        await service.reload()
    except ConfigError as error:
        reason = str(error)
    except OSError as error:
        reason = error.strerror or str(error)
    except Exception as error:  # noqa: BLE001 - no threads left, or a bug of ours: no reason to end
        reason = bug("reload", error).text
    else:
        return f"reloaded: {service.status}"
    return f"not reloaded, everything goes on as before: {reason}"


def watchdog(environ: Mapping[str, str] = os.environ) -> float:
    """Return the seconds in which systemd wants a sign of life (WatchdogSec), 0 where it wants none of this process."""
    period, pid = environ.get("WATCHDOG_USEC", ""), environ.get("WATCHDOG_PID", "")
    if not period.isascii() or not period.isdigit() or pid not in ("", str(os.getpid())):
        return 0
    return int(period) / 1e6
