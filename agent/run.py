"""What is one run of a check to the driver? Its Net, and where it waits."""

from __future__ import annotations

import select
import types
from time import monotonic
from typing import TYPE_CHECKING, Any, TypeVar

from agent.away import Job
from vipwarden.net.net import Address, Net
from vipwarden.net.stream import NetError

if TYPE_CHECKING:
    from _socket import socket
    from collections.abc import Callable, Coroutine, Generator, Mapping

    from agent.driver import Driver
    from vipwarden.core.registry import Check
    from vipwarden.core.result import Result

T = TypeVar("T")
_GONE = select.EPOLLHUP | select.EPOLLERR
_TO_READ = select.EPOLLIN | select.EPOLLRDHUP | _GONE
_TO_WRITE = select.EPOLLOUT | _GONE
_TOLD = 1 << 30  # no event of epoll
_MOMENT = 0.02  # seconds in which a thread is heard that could not run, no more than we


class Run(Net):
    """One check that is run again and again; ``limit`` is its deadline in seconds, ``finish`` takes each Result."""

    __slots__ = (
        "armed", "awaits", "batch", "coroutine", "driver", "finish", "function", "job", "late", "limit", "name",
        "registered", "serial", "started", "until", "values",
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
        self.job: Job | None = None  # its last one away from the loop
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

    async def beside(self, what: str, work: Callable[[], T]) -> T:
        """Work in a thread beside the loop; while one hangs that this check began, no other is begun."""
        last = self.job
        if last is not None and not last.done and monotonic() > last.until:
            await self.pause(_MOMENT)
            if not last.done:
                ago = monotonic() - last.begun
                raise NetError("stuck", f"{last.what} is still being read, for {ago:.0f} s by now: is a mount dead?")
        job = self.job = Job(what, work, self.deadline)
        job.told = self._telling()
        self.driver.away.begin(job)
        if not await self._till_told():
            raise self.stuck(what)
        if job.failed is not None:
            raise job.failed
        found: T = job.found  # type: ignore[assignment]
        return found

    def _telling(self) -> Callable[[], None]:
        """Return what resumes this run, and no later one, when it is called."""
        serial = self.serial

        def told() -> None:
            if self.serial == serial and self.awaits == _TOLD:
                self.awaits = 0
                self.driver.step(self, True)

        return told

    @types.coroutine
    def _till_told(self) -> Generator[None, bool, bool]:
        self.awaits = _TOLD
        self.until = self.deadline
        if self.until < self.armed:
            self.driver.arm(self, self.until)
        return (yield)

    @types.coroutine
    def _named(self, name: str) -> Generator[None, bool, bool]:
        told = self._telling()
        if self.driver.names.ask(name, self, told):
            return True
        return (yield from self._till_told())
