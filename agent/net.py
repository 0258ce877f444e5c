"""How do many checks wait at once? The Net of an asyncio event loop."""

from __future__ import annotations

import asyncio
from _thread import start_new_thread
from typing import TYPE_CHECKING, TypeAlias
from weakref import WeakKeyDictionary

from agent.away import Away, Job
from vipwarden.net.net import Address, Net, addresses

if TYPE_CHECKING:
    import _socket
    from collections.abc import Callable
    from typing import TypeVar

    T = TypeVar("T")

_Found: TypeAlias = "asyncio.Future[list[Address] | OSError]"
_aways: WeakKeyDictionary[asyncio.AbstractEventLoop, Away] = WeakKeyDictionary()
_lookups: dict[tuple[asyncio.AbstractEventLoop, bytes, int], _Found] = {}


class AsyncioNet(Net):
    """A Net that waits in the running event loop."""

    __slots__ = ()

    async def wait(self, sock: _socket.socket, write: bool, until: float) -> bool:
        """Wait until the loop finds the socket ready; its clock is the monotonic one of the deadlines."""
        loop = asyncio.get_running_loop()
        ready: asyncio.Future[bool] = loop.create_future()
        descriptor = sock.fileno()
        timer = loop.call_at(until, _settle, ready, False)
        (loop.add_writer if write else loop.add_reader)(descriptor, _settle, ready, True)
        try:
            return await ready
        finally:
            (loop.remove_writer if write else loop.remove_reader)(descriptor)
            timer.cancel()

    async def pause(self, seconds: float) -> None:
        """Let others run."""
        await asyncio.sleep(seconds)

    async def beside(self, what: str, work: Callable[[], T]) -> T:
        """Work in a thread, which is left behind at the deadline."""
        loop = asyncio.get_running_loop()
        done = asyncio.Event()
        job = Job(what, work, self.deadline)
        job.told = done.set
        _aways.setdefault(loop, Away(loop)).begin(job)
        try:
            async with asyncio.timeout_at(self.deadline):
                await done.wait()
        except TimeoutError:
            raise self.stuck(what) from None
        if job.failed is not None:
            raise job.failed
        found: T = job.found  # type: ignore[assignment]
        return found

    async def lookup(self, host: bytes, family: int) -> list[Address]:
        """Resolve in a thread, which is left behind at the deadline; all who ask for one name share one thread.

        Not in the loop's own pool: there, a few names of a dead resolver would keep all others waiting, and the
        loop from ending.
        """
        loop = asyncio.get_running_loop()
        key = (loop, host, family)
        work = _lookups.get(key)
        if work is None:
            work = _lookups[key] = loop.create_future()
            work.add_done_callback(lambda _: _lookups.pop(key))
            start_new_thread(_resolve, (loop, work, host, family))
        done, _ = await asyncio.wait([work], timeout=max(0.0, self.remaining()))
        if not done:
            raise self.expired(f"the name {host.decode()} could not be resolved")
        found = work.result()
        if isinstance(found, OSError):
            raise found
        return found


def _settle(ready: asyncio.Future[bool], value: bool) -> None:
    if not ready.done():
        ready.set_result(value)


def _resolve(loop: asyncio.AbstractEventLoop, work: _Found, host: bytes, family: int) -> None:
    found: list[Address] | OSError
    try:
        found = addresses(host, family)
    except OSError as error:
        found = error
    if not loop.is_closed():
        loop.call_soon_threadsafe(work.set_result, found)
