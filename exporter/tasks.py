"""How is work done beside the event loop, and once for all who wait for it?"""

from __future__ import annotations

import asyncio
from contextlib import suppress
from threading import Thread
from typing import TYPE_CHECKING, TypeVar, cast

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

Key = TypeVar("Key")
Value = TypeVar("Value")


def in_thread(work: Callable[[], Value]) -> tuple[asyncio.Future[Value], Thread]:
    """Run it in a thread that nobody waits for at the end: an executor would let a stuck one hold the process.

    Raises RuntimeError where no further thread can be started.
    """
    loop = asyncio.get_running_loop()
    future: asyncio.Future[Value] = loop.create_future()

    def tell(result: Value | None, error: Exception | None) -> None:
        if future.done():  # given up
            return
        if error is not None:
            future.set_exception(error)
        else:
            future.set_result(cast("Value", result))

    def run() -> None:
        result, error = None, None
        try:
            result = work()
        except Exception as raised:  # noqa: BLE001 - it is raised again where the future is awaited
            error = raised
        with suppress(RuntimeError):  # the loop has been closed in the meantime
            loop.call_soon_threadsafe(tell, result, error)

    thread = Thread(target=run, daemon=True)
    thread.start()
    return future, thread


def shared(
    tasks: dict[Key, asyncio.Task[Value]], key: Key, work: Callable[[], Awaitable[Value]]
) -> asyncio.Task[Value]:
    """Return the task of that key which is under way, or begin it; it is forgotten when it ends.

    Who may be cancelled has to shield it, or to wait for it by asyncio.wait().
    """
    task = tasks.get(key)
    if task is None or task.done():
        task = tasks[key] = asyncio.create_task(awaited(work()))
        task.add_done_callback(lambda done: tasks.pop(key) if tasks.get(key) is done else None)
    return task


async def awaited(what: Awaitable[Value]) -> Value:
    """Await it: create_task() takes coroutines alone."""
    return await what
