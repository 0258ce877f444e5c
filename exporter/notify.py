"""How does systemd know that the service is ready, and that it still lives? sd_notify(3) and its watchdog."""

from __future__ import annotations

import asyncio
import os
import socket
import time
from contextlib import suppress
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping


class Notify:
    """Tells the service manager, where there is one that listens."""

    def __init__(self, environ: Mapping[str, str] = os.environ) -> None:
        path = environ.get("NOTIFY_SOCKET", "")
        self._address = "\0" + path[1:] if path.startswith("@") else path
        self.watchdog = _watchdog(environ)

    def tell(self, *lines: str) -> None:
        """Send assignments such as READY=1; nobody waits for a manager that does not read."""
        if not self._address:
            return
        with suppress(OSError), socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM | socket.SOCK_NONBLOCK) as sender:
            sender.sendto("\n".join(lines).encode(), self._address)

    def ready(self, status: str) -> None:
        """Tell that the start, or a reload, is over."""
        self.tell("READY=1", f"STATUS={status}")

    def reloading(self) -> None:
        """Tell that the configuration is being read again; ready() ends it."""
        self.tell("RELOADING=1", f"MONOTONIC_USEC={time.monotonic_ns() // 1000}")

    def stopping(self) -> None:
        """Tell that the end has begun."""
        self.tell("STOPPING=1")

    async def live(self) -> None:
        """Tell for ever, twice in each period of the watchdog, that the event loop turns."""
        while self.watchdog:
            self.tell("WATCHDOG=1")
            await asyncio.sleep(self.watchdog / 2)


def _watchdog(environ: Mapping[str, str]) -> float:
    """Return the period in seconds, or 0 where nobody watches this process."""
    period, pid = environ.get("WATCHDOG_USEC", ""), environ.get("WATCHDOG_PID", "")
    if not period.isascii() or not period.isdigit() or pid not in ("", str(os.getpid())):
        return 0
    return int(period) / 1e6
