"""What happens when the agent is killed, stopped or hangs? A small process of its own takes its healthy verdicts back.

The agent writes the time of each look at a check into memory that it shares with this process: no system call, and
nothing to fill up. A check whose look grows older than its limit has its track file failed, whatever the reason. The
agent's end is seen at once: after a clean one, which says for how long a successor may take to come, nothing fails
until then. This process ends when there is nothing left to fail, and never because of what others may be about to do:
it is a successor that ends it, as soon as a watchdog of its own is at work.
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

_LONGEST = 1.0  # seconds between two signs of its own life
_AGAIN = 1.0  # seconds until a file is tried again that could neither be written nor removed
_ORPHANED = 0.1  # seconds between two looks for the agent, where the kernel does not tell of its end
NEVER = float("inf")  # the stamp of a check that nothing was said of yet
READY, LEAVING, TAKEN = b"ready", b"leaving ", b"taken"


class Shared:
    """The memory of both: a stamp of this process, one of each check, a mark on each that was failed, and the list."""

    __slots__ = ("alive", "failed", "stamps", "text")

    def __init__(self, descriptor: int, count: int) -> None:
        view = memoryview(mmap(descriptor, 0))
        end = self.size(count)
        self.alive = view[:8].cast("d")
        self.stamps = view[8 : 8 + 8 * count].cast("d")
        self.failed = view[8 + 8 * count : end].cast("B")
        self.text = view[end:]

    @staticmethod
    def size(count: int) -> int:
        """Return how many bytes it takes without the list."""
        return 8 + 9 * count


class Watchdog:
    """Guards the list in ``memory``, below ``runtime``, for the agent of number ``pid``.

    ``agent`` and ``memory`` are the descriptors that it shares with the agent.
    """

    def __init__(self, runtime: str, pid: int, agent: int, memory: int, count: int) -> None:
        self.pid = pid
        self.runtime = runtime
        self.shared = Shared(memory, count)
        self.guarded = manifest.decode(bytes(self.shared.text))
        self.agent = socket(fileno=agent)
        self.until: float | None = None  # when all has to fail, after a clean end
        self._failed = [-1.0] * count  # the stamp that each was failed for
        self._poll = select.poll()
        self._poll.register(self.agent, select.POLLIN)
        self._hears = True
        try:
            self._process = posix.pidfd_open(pid)
            self._poll.register(self._process, select.POLLIN)
        except OSError:  # it has ended already, or the kernel knows of no such thing
            self._process = -1

    def run(self) -> None:
        """Guard until the agent has ended and nothing is left to fail."""
        if posix.getppid() == self.pid:
            self.say(READY)
        while True:
            now = self.shared.alive[0] = monotonic()
            is_over = self.until is not None or posix.getppid() != self.pid
            due, wake = self.look(now)
            has_failed = self.fail(due)
            if is_over and wake == NEVER and has_failed:
                return
            longest = _LONGEST if self._hears or self._process >= 0 else _ORPHANED
            if not has_failed:
                longest = min(longest, _AGAIN)
            for descriptor, _ in self._poll.poll(max(0.0, min(wake - now, longest)) * 1000):
                if descriptor == self._process:
                    self._poll.unregister(descriptor)
                elif not self._listen():
                    self._poll.unregister(descriptor)
                    self._hears = False

    def look(self, now: float) -> tuple[list[int], float]:
        """Return the numbers of what has to fail now, and when the next may have to, or NEVER."""
        due = []
        wake = NEVER
        failed, until = self._failed, self.until
        for number, (one, stamp) in enumerate(zip(self.guarded, self.shared.stamps.tolist(), strict=True)):
            if stamp in (NEVER, failed[number]):
                continue
            expires = stamp + one.limit if until is None else until
            if expires <= now:
                due.append(number)
            elif expires < wake:
                wake = expires
        return due, wake

    def fail(self, numbers: list[int]) -> bool:
        """Fail checks, and let the agent know that its values are no longer in the files; return whether all have."""
        worked = True
        for number in numbers:
            stamp = self.shared.stamps[number]
            self.shared.failed[number] = 1
            if self.guarded[number].fail(self.runtime):
                self._failed[number] = stamp  # a later look makes it fail again
            else:
                worked = False
            self.shared.failed[number] = 1  # once more: the agent may have looked in between
        return worked

    def say(self, word: bytes) -> None:
        """Let the agent know."""
        try:
            self.agent.send(word, MSG_DONTWAIT)
        except OSError:
            pass  # it has ended

    def _listen(self) -> bool:
        """Take a message of the agent; return whether it was one, and not its end."""
        try:
            said = self.agent.recv(64, MSG_DONTWAIT)
        except BlockingIOError:
            return True
        except OSError:
            return False
        if said.startswith(LEAVING):
            self.until = monotonic() + float(said[len(LEAVING) :])
            self.say(TAKEN)
        return bool(said)


def main(runtime: str, owner: str, before: str, *numbers: str) -> None:
    """Guard for the agent of the word ``owner``; ``before`` is the word that stood in the manifest at its start.

    Signals meant for the agent, as those of a terminal, leave this process where it is.
    """
    posix.chdir("/")
    for number in (SIGHUP, SIGINT, SIGQUIT, SIGTERM, SIGTSTP, SIGUSR1, SIGUSR2):
        signal(number, SIG_IGN)
    post = locks.stand(runtime)

    def answer(_number: int, _frame: object) -> None:
        now = monotonic_ns()
        posix.utime(post, ns=(now, now))

    signal(SIGCONT, answer)  # who asks whether a watchdog lives, and is not about to die, looks at this time
    pthread_sigmask(SIG_SETMASK, [])
    if manifest.owner(runtime) in ("", owner, before):  # else a successor's watchdog was ready before this one
        pid, agent, memory, count = map(int, numbers)
        Watchdog(runtime, pid, agent, memory, count).run()
