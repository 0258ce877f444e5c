"""How does one check run in a command, with no event loop and next to nothing imported?"""

from __future__ import annotations

import _signal  # type: ignore[import-not-found]  # the signal module would bring enum along
import posix
import select
from _thread import allocate_lock, start_new_thread
from time import monotonic

from checks.core.net import Address, Net, addresses
from checks.core.result import UNKNOWN, Result

TYPE_CHECKING = False
if TYPE_CHECKING:
    from _socket import socket
    from collections.abc import Callable, Coroutine
    from typing import TypeVar

    T = TypeVar("T")


class BlockingNet(Net):
    """A Net that waits by poll()."""

    __slots__ = ()

    async def wait(self, sock: socket | int, write: bool, until: float) -> bool:
        """Wait in poll(); an error or a hang-up counts as ready, the next call on the socket tells which."""
        poll = select.poll()
        poll.register(sock, select.POLLOUT if write else select.POLLIN)
        return bool(poll.poll(max(0.0, until - monotonic()) * 1000))

    async def pause(self, seconds: float) -> None:
        """Sleep."""
        select.poll().poll(seconds * 1000)

    async def away(self, what: str, work: Callable[[], T]) -> T:
        """Work in a child that is left behind at the deadline."""
        from checks.core.file import heard, tell

        source, sink = posix.pipe()
        try:
            child = posix.fork()
        except OSError:  # no processes left
            posix.close(source)
            posix.close(sink)
            return await self.beside(what, work)
        if not child:
            tell(work, sink)
        posix.close(sink)
        answer, ended = b"", False
        try:
            while not ended and await self.wait(source, False, self.deadline):
                more = posix.read(source, 1 << 20)
                answer += more
                ended = not more
        finally:
            posix.close(source)
            _reap(child, ended)
        if not ended:
            raise self.stuck(what)
        found: T = heard(answer)  # type: ignore[assignment]
        return found

    async def beside(self, what: str, work: Callable[[], T]) -> T:
        """Work in a thread that is left behind at the deadline."""
        found = self._beside(work)
        if found is None:
            raise self.stuck(what)
        return found[0]

    async def lookup(self, host: bytes, family: int) -> list[Address]:
        """Resolve in a thread that is left behind at the deadline: getaddrinfo() itself cannot be bounded."""
        found = self._beside(lambda: addresses(host, family))
        if found is None:
            raise self.expired(f"the name {host.decode()} could not be resolved")
        return found[0]

    def _beside(self, work: Callable[[], T]) -> list[T] | None:
        """Return what a thread finds, in a list, or None at the deadline; raises what it raises."""
        done = allocate_lock()
        done.acquire()
        found: list[T] = []
        failed: list[BaseException] = []

        def run() -> None:
            try:
                found.append(work())
            except BaseException as error:  # noqa: BLE001 - it is raised below
                failed.append(error)
            done.release()

        start_new_thread(run, ())
        if not done.acquire(timeout=max(0.0, self.remaining())):
            return None
        if failed:
            raise failed[0]
        return found


def _reap(child: int, ended: bool) -> None:
    """Let go of a child, which may be stuck in the kernel unless it has ended."""
    try:
        if not ended:
            posix.kill(child, _signal.SIGKILL)
        posix.waitpid(child, 0 if ended else posix.WNOHANG)
    except OSError:
        pass  # whoever started us ignores SIGCHLD, and so the kernel has reaped it


class Ended(BaseException):
    """A signal ends the command: whatever runs leaves in good order, as at its deadline."""


def end(number: int, _frame: object) -> None:
    """Be the handler of a signal that ends the command; a second one ends it on the spot."""
    _signal.signal(number, _signal.SIG_DFL)
    raise Ended


class _Overrun(BaseException):
    """The run took longer than its deadline outside of any wait."""


def run(check: Coroutine[object, None, Result], timeout: float) -> Result:
    """Drive a check on a BlockingNet to its end and return its Result; its own bugs pass through as exceptions.

    A run that hangs outside of the network (a stuck /proc, a regular expression gone wild) is ended by a timer
    within a tenth of a second after the deadline.
    """
    late = False

    def alarm(_number: int, _frame: object) -> None:
        nonlocal late
        if late:
            raise _Overrun
        late = True  # a node under load may have woken us too late: a moment to say what came of the wait
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
