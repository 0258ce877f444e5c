"""Does a daemon still run? Its process is held by a pidfd, which can be read at once when it ends."""

from __future__ import annotations

import os
import select
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable

    Tell = Callable[..., None]


class Process:
    """The process of a daemon called ``name``; what was there at the first look is no news."""

    def __init__(self, name: str) -> None:
        self._name = name
        self.pid = 0  # 0: none is held
        self._pidfd = -1
        self._is_first = True

    def fileno(self) -> int:
        """Return a descriptor that can be read when the process has ended, -1 where there is none."""
        return self._pidfd

    def has_ended(self) -> bool:
        """Return whether the process that is held has ended."""
        if self._pidfd < 0:
            return False
        poll = select.poll()
        poll.register(self._pidfd, select.POLLIN)
        return bool(poll.poll(0))

    def ended(self, tell: Tell) -> None:
        """Say that it has ended, and hold none."""
        tell("process", self._name, state="ended", text=f"PID {self.pid}")
        self._leave()

    def runs(self, pid: int, tell: Tell, *, reloads: bool = False) -> None:
        """Hold the process with this PID; say so where it is another. A daemon that ``reloads`` gets a new process."""
        if pid == self.pid:
            return
        if self.pid and reloads:
            tell("process", self._name, state="replaced", text=f"PID {self.pid} -> {pid}, by a reload or a restart")
        elif not self._is_first:
            if self.pid:
                self.ended(tell)
            tell("process", self._name, state="started", text=f"PID {pid}")
        self._leave()
        self._is_first = False
        self.pid = pid
        try:
            self._pidfd = os.pidfd_open(pid)
        except (AttributeError, OSError):  # before Linux 5.3; it has just ended: seen at the next look
            self._pidfd = -1

    def absent(self) -> None:
        """Take note that none runs."""
        self._is_first = False

    def _leave(self) -> None:
        if self._pidfd >= 0:
            os.close(self._pidfd)
        self.pid, self._pidfd = 0, -1
