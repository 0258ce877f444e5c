"""How is a process of our own code started without holding up the agent?

posix_spawn() and vfork() wait for the child's exec(): the whole agent would wait while the child is stopped, or its
program lies on a disk that hangs. fork() does not wait.
"""

from __future__ import annotations

import asyncio
import os
import signal
import sys
import warnings
from pathlib import Path
from typing import TYPE_CHECKING

from agent.process import Process

if TYPE_CHECKING:
    import socket
    from collections.abc import Iterable, Sequence
    from typing import NoReturn

_CODE = str(Path(__file__).parents[1])
_LOOK = 0.02  # seconds between two looks, where the kernel does not report an end
_PROGRAM = "import sys\nsys.path[:0] = sys.argv[1:2]\nfrom {module} import main\nmain(*sys.argv[2:])\n"


class Child:
    """A process that runs ``main(*arguments)`` of a module, with these descriptors and without our output.

    It begins with all signals blocked, in a session of its own: signals for our terminal or process group do not reach
    it.
    """

    def __init__(self, module: str, arguments: Sequence[str], descriptors: Iterable[int]) -> None:
        """Start it; raises OSError."""
        command = [sys.executable, "-IS", "-c", _PROGRAM.format(module=module), _CODE, *arguments]
        self._reaped = False
        self._code = 0
        blocked = signal.pthread_sigmask(signal.SIG_BLOCK, signal.valid_signals())
        try:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore", DeprecationWarning)  # of other threads: only exec follows
                self.pid = os.fork()
            if self.pid == 0:
                _become(command, descriptors)
        finally:
            signal.pthread_sigmask(signal.SIG_SETMASK, blocked)
        try:
            self._process: Process | None = Process(self.pid)
        except ProcessLookupError:  # somebody else waits for our children
            self._process = None
            self._reaped = True

    def kill(self) -> None:
        """Kill it, unless it has ended."""
        if self._process is not None and not self._reaped:
            self._process.send(signal.SIGKILL)

    async def end(self) -> int:
        """Wait for its end and return its code, or the negative number of a signal."""
        while not self._reap():
            if self._process is None or self._process.descriptor < 0:
                await asyncio.sleep(_LOOK)
                continue
            loop = asyncio.get_running_loop()
            ended = asyncio.Event()
            loop.add_reader(self._process.descriptor, ended.set)
            try:
                await ended.wait()
            finally:
                loop.remove_reader(self._process.descriptor)
        return self._code

    def _reap(self) -> bool:
        if not self._reaped:
            try:
                pid, status = os.waitpid(self.pid, os.WNOHANG)
            except ChildProcessError:  # somebody else did
                pid, status = self.pid, 0
            if pid == 0:
                return False
            self._reaped = True
            self._code = os.waitstatus_to_exitcode(status)
            if self._process is not None:
                self._process.close()
        return True


async def word(sock: socket.socket, seconds: float) -> bytes:
    """Wait for what a child says; return nothing where it has ended or says nothing."""
    loop = asyncio.get_running_loop()
    ready = asyncio.Event()
    loop.add_reader(sock, ready.set)
    try:
        async with asyncio.timeout(seconds):  # wait_for() of 3.11 may lose a cancellation
            await ready.wait()
        return sock.recv(64)
    except (TimeoutError, OSError):
        return b""
    finally:
        loop.remove_reader(sock)


def _become(command: list[str], descriptors: Iterable[int]) -> NoReturn:
    """Become the command, in the child."""
    try:
        os.setsid()
        for descriptor in descriptors:
            os.set_inheritable(descriptor, True)
        null = os.open(os.devnull, os.O_RDWR)
        for descriptor in (0, 1, 2):  # a reader of our output would wait for the end of the child as well
            os.dup2(null, descriptor)
        os.execve(command[0], command, {})  # noqa: S606 - our own code
    finally:
        os._exit(127)
