"""Which watchdogs of earlier agents are there? A successor ends them; ExecStopPost asks whether one lives."""

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
_ANSWER = 2.0  # seconds that a watchdog may take to answer on a busy machine
_LOOK = 0.005


class ReliefError(OSError):
    """A watchdog of an earlier agent cannot be ended, and would fail healthy checks."""


async def relieve(runtime: str, own: int) -> None:
    """End all watchdogs but the one of number ``own``, and wait for that; raises ReliefError."""
    until = monotonic() + _END
    while others := [pid for pid in locks.watchdogs(runtime) if pid != own]:
        if monotonic() > until:
            raise ReliefError(16, f"the watchdog of an earlier agent is still there: process {others[0] or 'hidden'}")
        with _held(runtime, others) as processes:
            for process in processes:
                process.send(signal.SIGKILL)
        await asyncio.sleep(_LOOK)


def fail_closed(runtime: str) -> int:
    """Fail all checks where neither an agent nor a watchdog is left; return how many could not be failed.

    Raises OSError and ValueError where the checks are not known.
    """
    if _is_guarded(runtime):
        return 0
    until = monotonic() + _END
    while (lock := locks.lock(runtime)) is None:
        if monotonic() > until:  # an agent that somebody else started
            return 0
        time.sleep(_LOOK)
    try:
        return sum(not check.fail(runtime) for check in manifest.read(runtime))
    finally:
        os.close(lock)


def _is_guarded(runtime: str) -> bool:
    """Ask all watchdogs, and return whether one answers: one that is about to die still has its lock."""
    path = locks.watchdog(runtime)
    with _held(runtime, locks.watchdogs(runtime)) as processes:
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
def _held(runtime: str, numbers: list[int]) -> Iterator[list[Process]]:
    """Yield the watchdogs of these process numbers that can be seen and are still there."""
    processes = []
    try:
        for number in filter(None, numbers):
            try:
                processes.append(Process(number))
            except ProcessLookupError:
                pass
        # a number that holds the lock now is that of the process that was opened
        now = locks.watchdogs(runtime)
        yield [process for process in processes if process.pid in now]
    finally:
        for process in processes:
            process.close()
