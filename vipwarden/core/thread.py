"""How does asyncio wait for work in a thread that may never end, as on a dead mount?"""

from __future__ import annotations

import asyncio
from contextlib import suppress
from threading import Thread
from typing import TYPE_CHECKING, Any, TypeVar

if TYPE_CHECKING:
    from collections.abc import Callable

Value = TypeVar("Value")


def in_thread(work: Callable[[], Value]) -> tuple[asyncio.Future[Value], Thread]:
    """Run work in a daemon thread, which cannot hold up the end of the process as a stuck executor does.

    Raises RuntimeError if no thread can be started.
    """
    loop = asyncio.get_running_loop()
    future: asyncio.Future[Value] = loop.create_future()

    def finish(give: Callable[[Any], None], value: object) -> None:
        if not future.done():  # else abandoned
            give(value)

    def run() -> None:
        give: Callable[[Any], None] = future.set_result
        try:
            value: object = work()
        except Exception as error:  # noqa: BLE001 - raised again where the future is awaited
            give, value = future.set_exception, error
        with suppress(RuntimeError):  # the loop is closed
            loop.call_soon_threadsafe(finish, give, value)

    thread = Thread(target=run, daemon=True)
    thread.start()
    return future, thread
