"""How do many checks wait at once? The Net of an asyncio event loop."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

from checks.core.net import Address, Net, addresses

if TYPE_CHECKING:
    import _socket


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

    async def lookup(self, host: bytes, family: int) -> list[Address]:
        """Resolve in one of the loop's threads, which is left behind at the deadline."""
        work = asyncio.get_running_loop().run_in_executor(None, addresses, host, family)
        done, _ = await asyncio.wait([work], timeout=max(0.0, self.remaining()))
        if not done:
            work.add_done_callback(lambda late: late.cancelled() or late.exception())
            raise self.expired(f"the name {host.decode()} could not be resolved")
        return work.result()


def _settle(ready: asyncio.Future[bool], value: bool) -> None:
    if not ready.done():
        ready.set_result(value)
