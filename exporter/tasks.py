"""How is work done once for all who wait for it?"""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, TypeVar

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

Key = TypeVar("Key")
Value = TypeVar("Value")


def shared(
    tasks: dict[Key, asyncio.Task[Value]], key: Key, work: Callable[[], Awaitable[Value]]
) -> asyncio.Task[Value]:
    """Return the running task of a key, or begin it; it is forgotten at its end.

    Callers that may be cancelled shield it, or use asyncio.wait().
    """
    task = tasks.get(key)
    if task is None or task.done():
        task = tasks[key] = asyncio.create_task(awaited(work()))
        task.add_done_callback(lambda done: tasks.pop(key) if tasks.get(key) is done else None)
    return task


async def awaited(what: Awaitable[Value]) -> Value:
    """Await it: create_task() takes only coroutines."""
    return await what
