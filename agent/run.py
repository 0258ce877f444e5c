"""What is one run of a check to the driver? Its Net, and where it waits."""

from __future__ import annotations

import select
import types
from typing import TYPE_CHECKING, Any, TypeVar

from checks.core.net import Address, Net

if TYPE_CHECKING:
    from _socket import socket
    from collections.abc import Callable, Coroutine, Generator, Mapping

    from agent.driver import Driver
    from checks.core.registry import Check
    from checks.core.result import Result

T = TypeVar("T")
_GONE = select.EPOLLHUP | select.EPOLLERR
_TO_READ = select.EPOLLIN | select.EPOLLRDHUP | _GONE
_TO_WRITE = select.EPOLLOUT | _GONE
_NAME = 1 << 30  # no event of epoll


class Run(Net):
    """One check that is run again and again; ``limit`` is its deadline in seconds, ``finish`` takes each Result."""

    __slots__ = (
        "armed", "awaits", "batch", "coroutine", "driver", "finish", "function", "late", "limit", "name", "registered",
        "serial", "started", "until", "values",
    )  # fmt: skip
    knocks = True

    def __init__(
        self,
        driver: Driver,
        name: str,
        function: Check,
        values: Mapping[str, object],
        limit: float,
        finish: Callable[[Result], None],
    ) -> None:
        self.driver = driver
        self.name = name
        self.function = function
        self.values = values
        self.limit = limit
        self.finish = finish
        self.coroutine: Coroutine[object, Any, Result] | None = None
        self.registered: socket | None = None
        self.armed = float("inf")  # when the driver will look at it
        self.until = 0.0  # when what it waits for comes too late
        self.awaits = 0  # events of epoll
        self.batch = 0  # of the driver's, in which it began to wait
        self.serial = 0  # of the run
        self.late = 0
        self.started = False

    @types.coroutine
    def wait(self, sock: socket, write: bool, until: float) -> Generator[None, bool, bool]:
        """Wait until the driver finds the socket ready."""
        if sock is not self.registered:
            self.driver.watch(self, sock)
        self.awaits = _TO_WRITE if write else _TO_READ
        self.batch = self.driver.batch
        self.until = until
        if until < self.armed:
            self.driver.arm(self, until)
        return (yield)

    @types.coroutine
    def pause(self, seconds: float) -> Generator[None, bool, None]:
        """Let others run."""
        self.driver.later(self, seconds)
        yield

    def once(self, what: str, look: Callable[[], T]) -> T:
        """Look once for all the runs that begin in the same tick."""
        shared = self.driver.shared
        if what not in shared:
            shared[what] = look()
        found: T = shared[what]  # type: ignore[assignment]
        return found

    async def resolve(self, host: str, family: int = 0) -> list[Address]:
        """Return the addresses of a host, which are known but for the first time."""
        known = self.driver.names.known(host, family)
        return known if known is not None else await super().resolve(host, family)

    async def lookup(self, host: bytes, family: int) -> list[Address]:
        """Wait for the first answer of the resolver; all who ask for one name wait for the same one."""
        name = host.decode("ascii")
        if not await self._named(name):
            raise self.expired(f"the name {name} could not be resolved")
        return self.driver.names.found(name, family)

    @types.coroutine
    def _named(self, name: str) -> Generator[None, bool, bool]:
        serial = self.serial

        def told() -> None:
            if self.serial == serial and self.awaits == _NAME:
                self.awaits = 0
                self.driver.step(self, True)

        if self.driver.names.ask(name, told):
            return True
        self.awaits = _NAME
        self.until = self.deadline
        if self.until < self.armed:
            self.driver.arm(self, self.until)
        return (yield)
