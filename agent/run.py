"""What does the driver know of a run of a check? Its Net, and what the run waits for."""

from __future__ import annotations

import select
import types
from time import monotonic
from typing import TYPE_CHECKING, Any, Protocol, TypeVar

from agent.away import Job
from agent.events import NOTHING
from vipwarden.net.net import Net
from vipwarden.net.stream import NetError
from vipwarden.node.keepalived.vips import plain_address

if TYPE_CHECKING:
    from _socket import socket
    from collections.abc import Callable, Coroutine, Generator, Iterable, Mapping

    from agent.away import Away
    from agent.events import Events
    from agent.names import Names
    from vipwarden.core.registry import Check
    from vipwarden.core.result import Result
    from vipwarden.net.address import Address
    from vipwarden.net.path import Paths

T = TypeVar("T")
_GONE = select.EPOLLHUP | select.EPOLLERR
_TO_READ = select.EPOLLIN | select.EPOLLRDHUP | _GONE
_TO_WRITE = select.EPOLLOUT | _GONE
_CALL = 1 << 30  # no event of epoll: a call resumes it
_MOMENT = 0.02  # seconds for a thread to end that could not run while the agent itself did not


class Loop(Protocol):
    """What a run asks of its driver."""

    names: Names
    paths: Paths | None
    away: Away
    batch: int  # the number of the batch of events that is being handled
    shared: dict[str, object]  # among the runs that begin in one tick
    events: Events

    def watch(self, run: Run, sock: socket) -> None:
        """Resume a run by the events of a socket."""

    def arm(self, run: Run, until: float) -> None:
        """Look at a run again at a monotonic time."""

    def later(self, seconds: float, call: Callable[[], None]) -> None:
        """Call something after a while."""

    def step(self, run: Run, value: bool) -> None:
        """Resume a run with a value."""


def _ignore() -> None:
    """Do nothing about an event: nobody plans the runs."""


class Run(Net):
    """One check that runs again and again; ``limit`` is its deadline in seconds, ``finish`` takes each Result.

    ``event`` is called when something has changed that the last run depended on, or the present one does.
    """

    __slots__ = (
        "armed", "awaits", "batch", "coroutine", "driver", "event", "finish", "function", "job", "late", "limit",
        "name", "named", "paths", "registered", "serial", "started", "until", "values", "watched",
    )  # fmt: skip
    knocks = True

    def __init__(
        self,
        driver: Loop,
        name: str,
        function: Check,
        values: Mapping[str, object],
        limit: float,
        finish: Callable[[Result], None],
        event: Callable[[], None] = _ignore,
    ) -> None:
        self.driver = driver
        self.paths = driver.paths
        self.name = name
        self.function = function
        self.values = values
        self.limit = limit
        self.finish = finish
        self.event = event
        self.coroutine: Coroutine[object, Any, Result] | None = None
        self.registered: socket | None = None
        self.armed = float("inf")  # when the driver will look at it
        self.until = 0.0  # when what it waits for comes too late
        self.job: Job | None = None  # its last one away from the loop
        self.awaits = 0  # events of epoll, or a call; 0 while it waits for nothing
        self.batch = 0  # of the driver's, in which it began to wait
        self.serial = 0  # of the wait: what comes for an earlier one is ignored
        self.late = 0
        self.started = self.no_path = False
        self.used = None
        self.named = self.watched = NOTHING  # processes and addresses: by this run, and those that are watched

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
        self.driver.later(seconds, self._resume())
        yield from self._called()

    def once(self, what: str, look: Callable[[], T]) -> T:
        """Look once for all the runs that begin in the same tick."""
        shared = self.driver.shared
        if what not in shared:
            shared[what] = look()
        value: T = shared[what]  # type: ignore[assignment]
        return value

    def watch_processes(self, pids: Iterable[int]) -> None:
        """Have the driver watch them."""
        self._watch(frozenset(pids))

    def watch_addresses(self, addresses: Iterable[str]) -> None:
        """Have the driver watch them, by their text as the kernel's messages have it."""
        self._watch(frozenset(map(plain_address, addresses)))

    def _watch(self, names: frozenset[int | str]) -> None:
        self.named |= names
        self.driver.events.watch(self, names)

    async def resolve(self, host: str, family: int = 0) -> list[Address]:
        """Return the addresses of a host, which are known but for the first time."""
        known = self.driver.names.known(host, family)
        return known if known is not None else await super().resolve(host, family)

    async def lookup(self, host: bytes, family: int) -> list[Address]:
        """Wait for the first answer of the resolver; all runs that ask for a name share one query."""
        name = host.decode("ascii")
        names = self.driver.names
        if not (names.ask(name, self, self._resume()) or await self._called()):
            raise self.expired(f"the name {name} could not be resolved")
        return names.answer(name, family)

    async def beside(self, what: str, work: Callable[[], T]) -> T:
        """Work in a thread beside the loop; a check whose last thread still hangs begins no other."""
        last = self.job
        if last is not None and not last.done and monotonic() > last.until:
            await self.pause(_MOMENT)
            if not last.done:
                ago = monotonic() - last.begun
                raise NetError("stuck", f"{last.what} is still being read, for {ago:.0f} s by now: is a mount dead?")
        job = self.job = Job(what, work, self.deadline, self._resume())
        self.driver.away.begin(job)
        if not await self._called():
            raise self.stuck(what)
        if job.error is not None:
            raise job.error
        value: T = job.value  # type: ignore[assignment]
        return value

    def _resume(self) -> Callable[[], None]:
        """Return what resumes the next wait for a call, and no later one."""
        self.serial = serial = self.serial + 1

        def resume() -> None:
            if self.serial == serial and self.awaits == _CALL:
                self.awaits = 0
                self.driver.step(self, True)

        return resume

    @types.coroutine
    def _called(self) -> Generator[None, bool, bool]:
        """Wait for a call; False where the deadline comes first."""
        self.awaits = _CALL
        self.until = self.deadline
        if self.until < self.armed:
            self.driver.arm(self, max(self.until, monotonic()))  # never in the tick that is being handled
        return (yield)
