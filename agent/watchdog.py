"""What happens when the agent is killed, stopped or hangs? A small process of its own fails the track files.

The agent writes the time of each look at a check into memory that it shares with this process, which takes no system
call. The track file of a check is failed when the last look is older than its limit, for whatever reason. A clean end
of the agent, which names the seconds that a successor may take, is known at once: nothing fails until then. This
process ends when nothing is left to fail, or when a successor whose own watchdog is at work ends it.
"""

from __future__ import annotations

import posix
import select
from _signal import (  # type: ignore[import-not-found]
    SIG_IGN,
    SIG_SETMASK,
    SIGCONT,
    SIGHUP,
    SIGINT,
    SIGQUIT,
    SIGTERM,
    SIGTSTP,
    SIGUSR1,
    SIGUSR2,
    pthread_sigmask,
    signal,
)
from _socket import MSG_DONTWAIT, socket
from mmap import mmap
from time import monotonic, monotonic_ns

from agent import locks, manifest
from agent.deputy import LASTS, Deputy
from agent.value import NEVER, overdue

_LONGEST = 1.0  # seconds between two signs of its own life
_AGAIN = 1.0  # seconds until a file is tried again that could neither be written nor removed
_ORPHANED = 0.1  # seconds between two looks for the agent, where the kernel does not report its end
READY, LEAVING, TAKEN = b"ready", b"leaving ", b"taken"


class Shared:
    """The memory of both: a sign of life, the last look at each check, a mark on each that was failed, and the list."""

    __slots__ = ("alive", "failed", "looks", "text")

    def __init__(self, descriptor: int, count: int) -> None:
        view = memoryview(mmap(descriptor, 0))
        end = self.size(count)
        self.alive = view[:8].cast("d")
        self.looks = view[8 : 8 + 8 * count].cast("d")
        self.failed = view[8 + 8 * count : end].cast("B")
        self.text = view[end:]

    @staticmethod
    def size(count: int) -> int:
        """Return how many bytes it takes without the list."""
        return 8 + 9 * count


class Watchdog:
    """Guards the checks listed in ``memory``, below ``runtime``, for the agent of process ``pid``.

    ``agent`` and ``memory`` are the descriptors that it shares with the agent; it answers HAProxy at ``posts``.
    """

    def __init__(
        self, runtime: str, pid: int, agent: int, memory: int, count: int, allow: str = "", *posts: str
    ) -> None:
        self.pid = pid
        self.runtime = runtime
        self.shared = Shared(memory, count)
        self.guarded = manifest.decode(bytes(self.shared.text))
        self._limits = [check.limit for check in self.guarded]
        self.agent = socket(fileno=agent)
        self.until: float | None = None  # when all has to fail, after a clean end
        self._failed = [-1.0] * count  # the look for which each was failed
        self._deputy = Deputy(posts, allow, self.guarded)
        self._acts = False  # the deputy
        self._ends = NEVER  # when it has no more to do
        self._poll = select.poll()
        self._poll.register(self.agent, select.POLLIN)
        self._hears = True
        try:
            self._process = posix.pidfd_open(pid)
            self._poll.register(self._process, select.POLLIN)
        except (AttributeError, OSError):  # it has ended already, or Python or the kernel has no such thing
            self._process = -1

    def run(self) -> None:
        """Guard until the agent has ended and nothing is left to fail."""
        if posix.getppid() == self.pid:
            self.say(READY)
        while True:
            now = self.shared.alive[0] = monotonic()
            is_over = self.until is not None or posix.getppid() != self.pid
            due, wake = overdue(self._limits, self.shared.looks.tolist(), self._failed, self.until, now)
            has_failed = self.fail(due)
            lost = self._lost()
            if is_over and wake == NEVER and has_failed:
                self._ends = min(self._ends, now + LASTS)
                if not lost or now >= self._ends:
                    return
            longest = _LONGEST if self._hears or self._process >= 0 else _ORPHANED
            if not has_failed:
                longest = min(longest, _AGAIN)
            for descriptor, _ in self._poll.poll(max(0.0, min(wake - now, longest)) * 1000):
                if descriptor == self._process:
                    self._poll.unregister(descriptor)
                elif descriptor in self._deputy.posts:
                    if lost := self._lost():  # it may have gone on meanwhile
                        self._deputy.answer(descriptor, lost)
                elif not self._listen():
                    self._poll.unregister(descriptor)
                    self._hears = False

    def fail(self, numbers: list[int]) -> bool:
        """Fail checks, and mark for the agent that its values are overwritten; return whether all could be failed."""
        worked = True
        for number in numbers:
            look = self.shared.looks[number]
            self.shared.failed[number] = 1
            if self.guarded[number].fail(self.runtime):
                self._failed[number] = look  # a later look makes it fail again
            else:
                worked = False
            self.shared.failed[number] = 1  # once more: the agent may have looked in between
        return worked

    def _lost(self) -> set[int]:
        """Return the numbers of the checks that are failed now, and let the deputy act for as long as there are any.

        An agent that has looked at any check a moment ago answers by itself.
        """
        if not self._deputy.posts:
            return set()
        looks = self.shared.looks.tolist()
        lost = {number for number, look in enumerate(self._failed) if look == looks[number]}
        is_over = self.until is not None or posix.getppid() != self.pid
        newest = max((look for look in looks if look != NEVER), default=NEVER)
        if lost and not is_over and monotonic() - newest < min(self._limits):
            lost = set()
        if bool(lost) is not self._acts:
            self._acts = bool(lost)
            for post in self._deputy.posts:
                if lost:
                    self._poll.register(post, select.POLLIN)
                else:
                    self._poll.unregister(post)
        return lost

    def say(self, word: bytes) -> None:
        """Send a word to the agent."""
        try:
            self.agent.send(word, MSG_DONTWAIT)
        except OSError:
            pass  # it has ended

    def _listen(self) -> bool:
        """Take a message of the agent; return whether it was one, and not its end."""
        try:
            message = self.agent.recv(64, MSG_DONTWAIT)
        except BlockingIOError:
            return True
        except OSError:
            return False
        if message.startswith(LEAVING):
            self.until = monotonic() + float(message[len(LEAVING) :])
            self.say(TAKEN)
        return bool(message)


def main(runtime: str, owner: str, before: str, *arguments: str) -> None:
    """Guard for the agent with the word ``owner``; ``before`` is the word in the manifest when it was started.

    Signals meant for the agent, as those of a terminal, leave this process where it is.
    """
    posix.chdir("/")
    for number in (SIGHUP, SIGINT, SIGQUIT, SIGTERM, SIGTSTP, SIGUSR1, SIGUSR2):
        signal(number, SIG_IGN)
    post = locks.register(runtime)

    def answer(_number: int, _frame: object) -> None:
        now = monotonic_ns()
        posix.utime(post, ns=(now, now))

    signal(SIGCONT, answer)  # ExecStopPost looks at this time: a watchdog that is about to die does not answer
    pthread_sigmask(SIG_SETMASK, [])
    if manifest.owner(runtime) in ("", owner, before):  # else a successor's watchdog was ready before this one
        pid, agent, memory, count = map(int, arguments[:4])
        Watchdog(runtime, pid, agent, memory, count, *arguments[4:]).run()
