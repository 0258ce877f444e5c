"""How does the agent keep its watchdog? It starts one, stamps each look at a check, and replaces one that is lost."""

from __future__ import annotations

import asyncio
import os
import signal
import socket
import sys
from pathlib import Path
from time import monotonic
from typing import TYPE_CHECKING

from agent.watchdog import LEAVING, READY, Shared

if TYPE_CHECKING:
    from collections.abc import Callable

_CODE = str(Path(__file__).parents[1])
_START = 10.0  # seconds that it may take to be ready
_SILENT = 5.0  # seconds after which a watchdog that shows no life is taken for hung
_PROGRAM = """\
import sys
sys.path[:0] = sys.argv[1:2]
from agent.watchdog import main
main(sys.argv[2], *map(int, sys.argv[3:]))
"""


class GuardError(OSError):
    """There is no watchdog, and without one nothing may be called healthy."""


class Guard:
    """The watchdog over ``count`` checks of the manifest in ``runtime``; raises GuardError where none starts."""

    def __init__(self, runtime: str, count: int, say: Callable[[str], None]) -> None:
        self.runtime = runtime
        self.count = count
        self._say = say
        self._memory = os.memfd_create("vipwarden")
        os.ftruncate(self._memory, Shared.size(count))
        shared = Shared(self._memory, count)
        self.stamps, self.failed, self._alive = shared.stamps, shared.failed, shared.alive
        now = monotonic()
        for number in range(count):
            self.stamps[number] = now
        self._ended = False
        self._start()

    def _start(self) -> None:
        self._alive[0] = monotonic()
        own, other = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        with other:
            for descriptor in (other.fileno(), self._memory):
                os.set_inheritable(descriptor, True)
            command = [sys.executable, "-IS", "-c", _PROGRAM, _CODE, self.runtime]
            command += map(str, (os.getpid(), other.fileno(), self._memory))
            # not our output: who waits for its end would wait for the watchdog's as well
            null = [(os.POSIX_SPAWN_OPEN, descriptor, "/dev/null", os.O_RDWR, 0) for descriptor in (0, 1, 2)]
            try:
                self.pid = os.posix_spawn(sys.executable, command, {}, file_actions=null)
            except OSError as error:
                own.close()
                raise GuardError(error.errno, f"cannot start the watchdog: {error.strerror}") from None
            finally:
                os.set_inheritable(self._memory, False)
        own.settimeout(_START)
        try:
            said = own.recv(64)
        except OSError:
            said = b""
        if said != READY:
            own.close()
            self._reap()
            raise GuardError(0, f"the watchdog did not start within {_START:.0f} s or ended at once")
        own.setblocking(False)
        self.socket = own

    def attach(self) -> None:
        """Notice in the running event loop when the watchdog ends."""
        asyncio.get_running_loop().add_reader(self.socket.fileno(), self._lost)

    def inspect(self) -> None:
        """Replace a watchdog that hangs: to be called every second or so."""
        if not self._ended and monotonic() - self._alive[0] > _SILENT:
            os.kill(self.pid, signal.SIGKILL)  # _lost() follows

    def _lost(self) -> None:
        self._detach()
        code = self._reap()
        self._say(f"the watchdog ended ({code}): starting another")
        self._again()

    def _again(self) -> None:
        if self._ended:
            return
        try:
            self._start()
        except GuardError as error:
            self._say(f"{error.strerror}; trying again")
            asyncio.get_running_loop().call_later(1, self._again)
        else:
            self.attach()

    def leave(self, grace: float) -> None:
        """Tell the watchdog that this is a clean end, and for how many seconds a successor may take to come."""
        self._end(LEAVING + f"{grace:.3f}".encode())

    def dismiss(self) -> None:
        """End the watchdog: another one guards in its place."""
        self._end()
        self._reap()

    def _reap(self) -> int:
        os.kill(self.pid, signal.SIGKILL)  # not yet waited for, so the number is still its own
        return os.waitstatus_to_exitcode(os.waitpid(self.pid, 0)[1])

    def _end(self, word: bytes = b"") -> None:
        self._ended = True
        self._detach(word)
        os.close(self._memory)

    def _detach(self, word: bytes = b"") -> None:
        if self.socket.fileno() < 0:
            return  # it is between two watchdogs
        asyncio.get_running_loop().remove_reader(self.socket.fileno())
        try:
            self.socket.send(word) if word else None
        except OSError:
            pass  # it is gone
        self.socket.close()
