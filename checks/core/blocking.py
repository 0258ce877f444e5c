"""How does one check run in a command, with no event loop and next to nothing imported?"""

from __future__ import annotations

import _signal  # type: ignore[import-not-found]  # the signal module would bring enum along
import select
from _thread import allocate_lock, start_new_thread
from time import monotonic

from checks.core.net import Address, Net, addresses
from checks.core.result import UNKNOWN, Result

TYPE_CHECKING = False
if TYPE_CHECKING:
    from _socket import socket
    from collections.abc import Coroutine


class BlockingNet(Net):
    """A Net that waits by poll()."""

    __slots__ = ()

    async def wait(self, sock: socket, write: bool, until: float) -> bool:
        """Wait in poll(); an error or a hang-up counts as ready, the next call on the socket tells which."""
        poll = select.poll()
        poll.register(sock, select.POLLOUT if write else select.POLLIN)
        return bool(poll.poll(max(0.0, until - monotonic()) * 1000))

    async def pause(self, seconds: float) -> None:
        """Sleep."""
        select.poll().poll(seconds * 1000)

    async def lookup(self, host: bytes, family: int) -> list[Address]:
        """Resolve in a thread that is left behind at the deadline: getaddrinfo() itself cannot be bounded."""
        done = allocate_lock()
        done.acquire()
        found: list[Address] = []
        failed: list[OSError] = []

        def work() -> None:
            try:
                found.extend(addresses(host, family))
            except OSError as error:
                failed.append(error)
            done.release()

        start_new_thread(work, ())
        if not done.acquire(timeout=max(0.0, self.remaining())):
            raise self.expired(f"the name {host.decode()} could not be resolved")
        if failed:
            raise failed[0]
        return found


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
