"""How is a file read that may never answer, while all other checks go on? In threads beside the loop.

A thread that hangs in the kernel cannot be ended: it is left behind, and its check fails at once from then on.
"""

from __future__ import annotations

from _thread import start_new_thread
from collections import deque
from time import monotonic
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import asyncio
    from collections.abc import Callable

MOST = 256  # threads: as many checks may be stuck before others have to wait


class Job:
    """A piece of ``work``, which reads ``what``; ``then`` is called in the loop when it is ``done``."""

    __slots__ = ("begun", "done", "error", "then", "until", "value", "what", "work")

    def __init__(self, what: str, work: Callable[[], object], until: float, then: Callable[[], None]) -> None:
        self.what = what
        self.work = work
        self.until = until  # the deadline of the run, by monotonic()
        self.then = then
        self.begun = monotonic()
        self.value: object = None
        self.error: BaseException | None = None
        self.done = False

    def run(self) -> None:
        """Do the work, in whichever thread this is."""
        try:
            self.value = self.work()
        except BaseException as error:  # noqa: BLE001 - the check raises it
            self.error = error
        self.done = True


class Away:
    """The threads of one loop."""

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        self._loop = loop
        self._running = 0
        self._waiting: deque[Job] = deque()

    def begin(self, job: Job) -> None:
        """Have a job done."""
        if self._running < MOST:
            self._start(job)
        else:
            self._waiting.append(job)

    def _start(self, job: Job) -> None:
        self._running += 1
        try:
            start_new_thread(self._work, (job,))
        except RuntimeError as error:  # no threads left
            job.error, job.done = OSError(11, str(error)), True
            self._loop.call_soon(self._ended, job)

    def _work(self, job: Job) -> None:
        job.run()
        try:
            self._loop.call_soon_threadsafe(self._ended, job)
        except RuntimeError:
            pass  # the loop is closed, and nobody waits any more

    def _ended(self, job: Job) -> None:
        self._running -= 1
        while self._waiting and self._running < MOST:
            late = self._waiting.popleft()
            if late.until > monotonic():
                self._start(late)
            else:
                late.done = True  # it never began, and so is not stuck
        job.then()
