"""How does a command run a check, without an event loop and with few imports?"""

from __future__ import annotations

import _signal  # type: ignore[import-not-found]  # the signal module would bring enum along
import posix
import select
from _thread import _count, allocate_lock, start_new_thread
from time import monotonic

from vipwarden.core.result import UNKNOWN, Result
from vipwarden.net.address import Address, addresses, numeric
from vipwarden.net.net import Net

TYPE_CHECKING = False
if TYPE_CHECKING:
    from _socket import socket
    from collections.abc import Callable, Coroutine
    from typing import Any, TypeVar

    from vipwarden.net.path import Paths

    T = TypeVar("T")

_PATIENCE = 0.2  # seconds of silence until the other name servers are asked as well


class BlockingNet(Net):
    """A Net that waits by poll()."""

    __slots__ = ("paths",)

    def __init__(self, paths: Paths | None = None) -> None:
        self.paths = paths

    async def wait(self, sock: socket | int, write: bool, until: float) -> bool:
        """Wait in poll(); an error or a hang-up counts as ready: the next call on the socket returns it."""
        poll = select.poll()
        poll.register(sock, select.POLLOUT if write else select.POLLIN)
        return bool(poll.poll(max(0.0, until - monotonic()) * 1000))

    async def pause(self, seconds: float) -> None:
        """Sleep."""
        select.poll().poll(seconds * 1000)

    async def at(self, path: str, work: Callable[[], T]) -> T:
        """Read at once what cannot be on a dead mount."""
        from vipwarden.net.file import is_near

        return work() if is_near(path) else await self.away(path, work)

    async def away(self, what: str, work: Callable[[], T]) -> T:
        """Work in a child process, which is abandoned at the deadline."""
        if _count():  # a child would inherit the locks of other threads
            return await self.beside(what, work)
        from vipwarden.net.file import be_child, result_of
        from vipwarden.net.left import leave, left

        if pid := left(what):
            raise self.stuck(what, pid)
        source, sink = posix.pipe()
        try:
            child = posix.fork()
        except OSError:  # no processes left
            posix.close(source)
            posix.close(sink)
            return await self.beside(what, work)
        if not child:
            be_child(work, sink)
        posix.close(sink)
        answer, ended = b"", False
        try:
            while not ended and await self.wait(source, False, self.deadline):
                more = posix.read(source, 1 << 20)
                answer += more
                ended = not more
        finally:
            posix.close(source)
            if not _reap(child, ended):
                leave(what, child)
        if not ended:
            raise self.stuck(what)
        result: T = result_of(answer)  # type: ignore[assignment]
        return result

    async def beside(self, what: str, work: Callable[[], T]) -> T:
        """Work in a thread, which is abandoned at the deadline."""
        thread = _Thread(work)
        if not thread.wait(self.remaining()):
            raise self.stuck(what)
        result: T = thread.result()
        return result

    async def lookup(self, host: bytes, family: int) -> list[Address]:
        """Resolve in a thread, which is abandoned at the deadline: getaddrinfo() itself has no timeout.

        While it waits for a silent name server, the others of /etc/resolv.conf are asked as well.
        """
        thread = _Thread(lambda: addresses(host, family))
        if not thread.wait(min(_PATIENCE, self.remaining())):
            from vipwarden.net.dns import Others

            others = Others(host.decode("ascii"), family).answers(self.deadline, thread.wait)
            if others:
                return [address for text in others for address in numeric(text, 0)]
        if thread.wait(0):
            result: list[Address] = thread.result()
            return result
        raise self.expired(f"the name {host.decode()} could not be resolved")


class _Thread:
    """Work in a thread that may be abandoned."""

    __slots__ = ("_done", "_errors", "_results")

    def __init__(self, work: Callable[[], Any]) -> None:
        self._done = allocate_lock()
        self._done.acquire()
        self._results: list[Any] = []
        self._errors: list[BaseException] = []
        start_new_thread(self._run, (work,))

    def _run(self, work: Callable[[], Any]) -> None:
        try:
            self._results.append(work())
        except BaseException as error:  # noqa: BLE001 - result() raises it
            self._errors.append(error)
        self._done.release()

    def wait(self, seconds: float) -> bool:
        """Wait for so many seconds at most; return whether the work is done."""
        if self._results or self._errors:
            return True
        return self._done.acquire(timeout=seconds) if seconds > 0 else self._done.acquire(blocking=False)

    def result(self) -> Any:
        """Return the result of the work, or raise its exception."""
        if self._errors:
            raise self._errors[0]
        return self._results[0]


def _reap(child: int, ended: bool) -> bool:
    """Reap a child that has ended; kill any other and do not wait, as it may be stuck in the kernel.

    Return whether it has ended.
    """
    try:
        if not ended:
            posix.kill(child, _signal.SIGKILL)
        return posix.waitpid(child, 0 if ended else posix.WNOHANG)[0] > 0
    except OSError:
        return True  # SIGCHLD is ignored, so the kernel has reaped it


class Ended(BaseException):
    """A signal ends the command: the check closes its connections as at its deadline."""


def end(number: int, _frame: object) -> None:
    """Handle a signal that ends the command; a second signal kills it."""
    _signal.signal(number, _signal.SIG_DFL)
    raise Ended


class _Overrun(BaseException):
    """The run passed its deadline outside of any wait."""


def run(check: Coroutine[object, None, Result], timeout: float) -> Result:
    """Drive a check on a BlockingNet to its end and return its Result; its own bugs pass through as exceptions.

    A timer ends a run that hangs outside of the network (a stuck /proc, a runaway regular expression) within a tenth
    of a second after the deadline.
    """
    late = False

    def alarm(_number: int, _frame: object) -> None:
        nonlocal late
        if late:
            raise _Overrun
        late = True  # on a busy node the wait may have ended late: leave a moment to report its outcome
        _signal.setitimer(_signal.ITIMER_REAL, 0.05)

    handler = _signal.signal(_signal.SIGALRM, alarm)
    timer = _signal.setitimer(_signal.ITIMER_REAL, timeout + 0.03)
    try:
        try:
            check.send(None)
        finally:  # in here, so that an alarm in the last moment is still caught below
            _signal.setitimer(_signal.ITIMER_REAL, *timer)
            _signal.signal(_signal.SIGALRM, handler)
    except StopIteration as end:
        result: Result = end.value
        return result
    except _Overrun:
        return Result(UNKNOWN, f"the check did not end within its {timeout:g} s", expired=True)
    raise RuntimeError("a check waited for something other than its Net")
