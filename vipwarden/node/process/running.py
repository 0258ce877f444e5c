"""What is a running program, and how does it end with all that it has started?

It has a session and process group of its own, which is killed with it: what it started and left behind ends as well.
It gets none of our descriptors, signals and environment.
"""

from __future__ import annotations

import _signal  # type: ignore[import-not-found]  # the signal module would bring enum along
import posix
import select

from vipwarden.net.left import leave, left

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence

MOST_READ = 16 << 20  # bytes, after which nobody waits for the end
_ENVIRONMENT = {"PATH": "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin", "LC_ALL": "C.UTF-8"}
_SIGNALS = [number for number in range(1, 32) if number not in (_signal.SIGKILL, _signal.SIGSTOP)]
_MOST_KEPT = 1 << 16  # bytes of each output
_TURN = 16  # reads of a page or more, before other checks of the same loop run
_left: dict[int, tuple[str, ...]] = {}  # killed programs that had not ended by then, by PID


class Ended:
    """What a program left: its exit code or the negative number of a signal, and what it wrote."""

    __slots__ = ("code", "error", "output")

    def __init__(self, code: int, output: bytes, error: bytes) -> None:
        self.code = code
        self.output = output
        self.error = error


def stuck_copy(words: Sequence[str]) -> int:
    """Return the PID of a copy that was killed and has not ended yet, of this process or of an earlier run, or 0."""
    _reap()
    return next((pid for pid, killed in _left.items() if killed == tuple(words)), 0) or left(_key(words))


class Program:
    """A running program; what can be waited for is its output and, by a pidfd, its end."""

    def __init__(self, words: Sequence[str]) -> None:
        """Start it; raises OSError."""
        self._words = tuple(words)
        self._pipes: dict[int, bytearray] = {}
        self._code: int | None = None
        self.pid = self.pidfd = -1
        self.size = 0
        self._epoll = select.epoll()
        self._sinks: list[int] = []
        try:
            for _ in range(2):
                source, sink = posix.pipe()
                self._sinks.append(sink)
                self._pipes[source] = bytearray()
                posix.set_blocking(source, False)
                self._epoll.register(source, select.EPOLLIN)
            self._outputs = list(self._pipes.values())
            actions = [
                (posix.POSIX_SPAWN_OPEN, 0, "/dev/null", posix.O_RDONLY, 0),
                *((posix.POSIX_SPAWN_DUP2, sink, number) for number, sink in enumerate(self._sinks, 1)),
            ]
            # a signal that ends us between its start and its number would leave it running
            mask = _signal.pthread_sigmask(_signal.SIG_BLOCK, _SIGNALS)
            try:
                self.pid = posix.posix_spawn(
                    words[0],
                    self._words,
                    _ENVIRONMENT,
                    file_actions=actions,
                    setsid=True,
                    setsigmask=[],
                    setsigdef=_SIGNALS,
                )
            finally:
                _signal.pthread_sigmask(_signal.SIG_SETMASK, mask)
            try:
                self.pidfd = posix.pidfd_open(self.pid)
                self._epoll.register(self.pidfd, select.EPOLLIN)
            except (AttributeError, OSError):
                pass
        except BaseException:
            self.close()
            raise
        finally:
            for sink in self._sinks:
                posix.close(sink)

    def fileno(self) -> int:
        """Return what poll() and epoll wait for."""
        return self._epoll.fileno()

    @property
    def has_ended(self) -> bool:
        """Whether it has ended; what it started may go on."""
        if self._code is None:
            try:
                if posix.waitid(posix.P_PID, self.pid, posix.WEXITED | posix.WNOHANG | posix.WNOWAIT) is None:
                    return False
            except ChildProcessError:  # somebody else reaps our children: its code is lost
                self._code = 255
        return True

    def take(self) -> bool:
        """Read what has come; return whether there is more, and too much of it ends the program."""
        for _ in range(_TURN):
            ready = [number for number, _ in self._epoll.poll(0) if number != self.pidfd]
            if not ready:
                return False
            for source in ready:
                data = posix.read(source, 1 << 16)
                self._pipes[source] += data[: _MOST_KEPT - len(self._pipes[source])]
                self.size += len(data)
                if not data:
                    self._epoll.unregister(source)
        if self.size > MOST_READ:
            self.kill()
            return False
        return True

    def end(self) -> Ended:
        """Return what it left, also what it wrote last."""
        self.take()
        self.kill()
        if self._code is None:
            self._code = posix.waitstatus_to_exitcode(posix.waitpid(self.pid, 0)[1])
        output, error = map(bytes, self._outputs)
        return Ended(self._code, output, error)

    def kill(self) -> None:
        """Kill its whole group, which is its own as long as nobody has waited for the program."""
        if self._code is None and self.pid > 0:
            try:
                posix.killpg(self.pid, _signal.SIGKILL)
            except OSError:
                pass  # another user's by now, or gone

    def close(self) -> None:
        """Leave nothing behind but what cannot be killed."""
        if self._code is None and self.pid > 0:
            self.kill()
            _left[self.pid] = self._words
            self._code = 255
            _reap()
            if self.pid in _left:
                leave(_key(self._words), self.pid)
        self._epoll.close()
        for descriptor in (*self._pipes, self.pidfd):
            if descriptor >= 0:
                posix.close(descriptor)
        self._pipes, self.pidfd = {}, -1


def _key(words: Sequence[str]) -> str:
    return f"program {' '.join(words)}"


def _reap() -> None:
    """Wait for those that have ended since they were killed."""
    for pid in tuple(_left):
        try:
            has_ended = posix.waitpid(pid, posix.WNOHANG)[0] > 0
        except OSError:
            has_ended = True
        if has_ended:
            del _left[pid]
