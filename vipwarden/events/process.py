"""Does a daemon still run? Its process is held by a pidfd, which can be read at once when it ends."""

from __future__ import annotations

import os
import select
from typing import TYPE_CHECKING

from vipwarden.node.process.procfs import read

if TYPE_CHECKING:
    from collections.abc import Callable

    Tell = Callable[..., None]


class Process:
    """The process of a daemon called ``name``, whose program is ``program``; what was there first is no news."""

    def __init__(self, name: str, program: bytes) -> None:
        self._name = name
        self._program = program
        self.pid = 0  # 0: none is held
        self._pidfd = -1
        self._is_first = True

    def descriptors(self) -> tuple[int, ...]:
        """Return a descriptor that can be read when the process has ended, none where there is none."""
        return (self._pidfd,) if self._pidfd >= 0 else ()

    def has_ended(self) -> bool:
        """Return whether the process that is held has ended."""
        if self._pidfd < 0:
            return bool(self.pid) and not self._is_it(self.pid)  # before Linux 5.3
        poll = select.poll()
        poll.register(self._pidfd, select.POLLIN)
        return bool(poll.poll(0))

    def ended(self, tell: Tell) -> None:
        """Say that it has ended, and hold none."""
        tell("process", self._name, state="ended", text=f"PID {self.pid}")
        self.leave()

    def runs(self, pid: int, tell: Tell, *, reloads: bool = False) -> bool:
        """Hold the process with this PID, and say so where it is another; return whether it is one of the program.

        A daemon that ``reloads`` gets a new process. A PID of another PID namespace names no process of it here.
        """
        if pid == self.pid and pid:
            return True
        if not self._is_it(pid):
            return False
        if self.pid and reloads:
            tell("process", self._name, state="replaced", text=f"PID {self.pid} -> {pid}, by a reload or a restart")
        elif not self._is_first:
            if self.pid:
                self.ended(tell)
            tell("process", self._name, state="started", text=f"PID {pid}")
        self.leave()
        self._is_first = False
        self.pid = pid
        try:
            self._pidfd = os.pidfd_open(pid)
        except (AttributeError, OSError):  # before Linux 5.3; it has just ended: seen at the next look
            self._pidfd = -1
        return True

    def absent(self) -> None:
        """Take note that none runs."""
        self._is_first = False

    def leave(self) -> None:
        """Hold none."""
        if self._pidfd >= 0:
            os.close(self._pidfd)
        self.pid, self._pidfd = 0, -1

    def _is_it(self, pid: int) -> bool:
        try:
            return pid > 0 and read(f"/proc/{pid}/comm", 64).startswith(self._program)
        except OSError:
            return False
