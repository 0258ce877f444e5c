"""Who is still at his post from before, and does he live? Watchdogs are relieved, or asked whether they see to it."""

from __future__ import annotations

import asyncio
import os
import signal
import time
from contextlib import contextmanager
from time import monotonic
from typing import TYPE_CHECKING

from agent import locks, manifest
from agent.process import Process

if TYPE_CHECKING:
    from collections.abc import Iterator

_END = 3.0  # seconds that a process may take to die
_ANSWER = 2.0  # seconds that a watchdog may take to answer: a busy machine, not one that is about to die
_LOOK = 0.005


class ReliefError(OSError):
    """A watchdog of an earlier agent cannot be ended, and would fail what is healthy."""


async def relieve(runtime: str, own: int) -> None:
    """End all watchdogs but the one of number ``own``, and wait for that; raises ReliefError."""
    until = monotonic() + _END
    while others := [pid for pid in locks.standing(runtime) if pid != own]:
        if monotonic() > until:
            raise ReliefError(16, f"the watchdog of an earlier agent is still there: process {others[0] or 'hidden'}")
        with _standing(runtime, others) as processes:
            for process in processes:
                process.send(signal.SIGKILL)
        await asyncio.sleep(_LOOK)


def fail_closed(runtime: str) -> int:
    """Fail all at once where neither an agent nor a watchdog is left to do it; return how many could not be failed.

    Raises OSError and ValueError where it cannot be known what to fail.
    """
    if _is_guarded(runtime):
        return 0
    until = monotonic() + _END
    while (held := locks.lock(runtime)) is None:
        if monotonic() > until:  # it does not die: an agent that somebody else started
            return 0
        time.sleep(_LOOK)
    try:
        return sum(not one.fail(runtime) for one in manifest.read(runtime))
    finally:
        os.close(held)


def _is_guarded(runtime: str) -> bool:
    """Ask all watchdogs, and return whether one answers: the lock alone is kept by those that die as well."""
    path = f"{runtime}/{locks.WATCHDOG}"
    with _standing(runtime, locks.standing(runtime)) as processes:
        before = os.stat(path).st_mtime_ns  # noqa: PTH116
        for process in processes:
            process.send(signal.SIGCONT)  # one that is stopped goes on by it
        until = monotonic() + _ANSWER
        while monotonic() < until and not all(process.has_ended for process in processes):
            if os.stat(path).st_mtime_ns != before:  # noqa: PTH116
                return True
            time.sleep(_LOOK)
    return False


@contextmanager
def _standing(runtime: str, numbers: list[int]) -> Iterator[list[Process]]:
    """Take hold of the watchdogs of these numbers, as far as they can be seen and are still there."""
    processes = []
    try:
        for number in filter(None, numbers):
            try:
                processes.append(Process(number))
            except ProcessLookupError:
                pass
        # who has the lock still, or again, is the one that has been taken hold of
        still = locks.standing(runtime)
        yield [process for process in processes if process.pid in still]
    finally:
        for process in processes:
            process.close()
