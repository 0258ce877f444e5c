"""Where do the agent's lines go? To a descriptor, by a thread: a reader that hangs holds up no check."""

from __future__ import annotations

import logging
import os
import select
from collections import deque
from threading import Condition, Thread
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import asyncio

_MOST = 1000  # lines that wait
_LAST = 0.5  # seconds for the waiting lines, at the end


class Log:
    """Lines for ``descriptor``; those that cannot be written are dropped and counted, which is logged afterwards."""

    def __init__(self, descriptor: int = 1, most: int = _MOST) -> None:
        self.dropped = 0
        self._descriptor = descriptor
        self._most = most
        self._reported = 0  # of the dropped ones
        self._lines: deque[str] = deque()
        self._changed = Condition()
        self._idle = True
        self._thread: Thread | None = None

    def say(self, text: str) -> None:
        """Take a line; never waits, and raises nothing."""
        with self._changed:
            if len(self._lines) >= self._most or not self._is_running():
                self.dropped += 1
                return
            self._lines.append(text)
            self._idle = False
            self._changed.notify_all()

    def close(self, seconds: float = _LAST) -> None:
        """Wait until all lines are written, for so many seconds at most."""
        with self._changed:
            self._changed.wait_for(lambda: self._idle, seconds)

    def _is_running(self) -> bool:
        if self._thread is None:
            thread = Thread(target=self._work, daemon=True)
            try:
                thread.start()
            except RuntimeError:  # no more processes
                return False
            self._thread = thread
        return True

    def _work(self) -> None:
        while True:
            with self._changed:
                self._idle = not self._lines
                self._changed.notify_all()
                self._changed.wait_for(lambda: self._lines)
                lines, missing = tuple(self._lines), self.dropped - self._reported
                self._lines.clear()
            if missing and self._write(f"{missing} lines of this log could not be written"):
                self._reported += missing
            if not self._write("\n".join(lines)):
                with self._changed:
                    self.dropped += len(lines)

    def _write(self, text: str) -> bool:
        left = memoryview(f"{text}\n".encode("utf-8", "replace"))
        try:
            while left:
                try:
                    left = left[os.write(self._descriptor, left) :]
                except BlockingIOError:  # somebody made it so
                    poll = select.poll()
                    poll.register(self._descriptor, select.POLLOUT)
                    poll.poll()
        except OSError:
            return False
        return True


def route(log: Log, loop: asyncio.AbstractEventLoop) -> None:
    """Send what libraries and the loop report to a log: standard error may be the very pipe that nobody reads."""

    def trouble(_loop: asyncio.AbstractEventLoop, context: dict[str, Any]) -> None:
        error = context.get("exception")
        log.say(f"{context.get('message')}: {type(error).__name__}: {error}" if error else str(context.get("message")))

    loop.set_exception_handler(trouble)
    root = logging.getLogger()
    if not root.handlers:
        root.addHandler(_Handler(log))


class _Handler(logging.Handler):
    """The records of the module logging, as lines of a log."""

    def __init__(self, log: Log) -> None:
        super().__init__(logging.WARNING)
        self._log = log

    def emit(self, record: logging.LogRecord) -> None:
        """Take a record."""
        self._log.say(f"{record.name}: {self.format(record)}")
