"""What happens when the agent is killed, stopped or hangs? A small process of its own takes its healthy verdicts back.

The agent writes the time of each look at a check into memory that it shares with this process: no system call, and
nothing to fill up. A check whose look grows older than its limit has its track file failed, whatever the reason. The
agent's end is seen at once: after a clean one, which says for how long a successor may take to come, nothing fails
until then. A successor holds the lock, and this process leaves the field to it.
"""

from __future__ import annotations

import posix
import select
from _signal import SIG_IGN, SIGHUP, SIGINT, SIGQUIT, SIGTERM, signal  # type: ignore[import-not-found]
from _socket import MSG_DONTWAIT, socket
from mmap import mmap
from time import monotonic

from agent import manifest

_LONGEST = 1.0  # seconds between two signs of its own life
_SUCCESSOR = 0.1  # seconds between two looks for one
READY, LEAVING = b"ready", b"leaving "


class Shared:
    """The memory of both: a stamp of this process, one of each check, and a mark on each that was failed."""

    __slots__ = ("alive", "failed", "stamps")

    def __init__(self, descriptor: int, count: int) -> None:
        view = memoryview(mmap(descriptor, self.size(count)))
        self.alive = view[:8].cast("d")
        self.stamps = view[8 : 8 + 8 * count].cast("d")
        self.failed = view[8 + 8 * count :].cast("B")

    @staticmethod
    def size(count: int) -> int:
        """Return how many bytes it takes."""
        return 8 + 9 * count


class Watchdog:
    """Guards what the manifest of ``runtime`` lists, for the agent of number ``pid``.

    ``agent`` and ``memory`` are the descriptors that it shares with the agent.
    """

    def __init__(self, runtime: str, pid: int, agent: int, memory: int) -> None:
        self.pid = pid
        self.runtime = runtime
        self.alive = manifest.lock(runtime, manifest.WATCHDOG, shared=True)  # for who asks whether there is one
        self.guarded = manifest.read(runtime)
        self.shared = Shared(memory, len(self.guarded))
        self.agent = socket(fileno=agent)
        self.grace: float | None = None  # seconds, of a clean end
        self._failed = [-1.0] * len(self.guarded)  # the stamp that each was failed for

    def run(self) -> None:
        """Guard until there is a successor, or until all has failed after the agent's end."""
        poll = select.poll()
        poll.register(self.agent, select.POLLIN)
        try:
            process = posix.pidfd_open(self.pid)  # the socket ends before the agent's lock does
            poll.register(process, select.POLLIN)
            self.agent.send(READY)
        except OSError:
            process = -1  # it has ended already
        ready: list[tuple[int, int]] = []
        while posix.getppid() == self.pid and not any(descriptor == process for descriptor, _ in ready):
            if ready and not self._listen():
                if self.grace is not None:
                    break
                poll.unregister(self.agent)
            now = self.shared.alive[0] = monotonic()
            stale, wake = self.stale(now)
            self.fail(stale)
            ready = poll.poll(max(0.0, min(wake - now, _LONGEST)) * 1000)
        self._listen()
        self._outlive(monotonic() + self.grace if self.grace is not None else None)

    def stale(self, now: float) -> tuple[list[int], float]:
        """Return the numbers of what has to fail now, and when the next may have to."""
        found = []
        wake = float("inf")
        for number, (one, stamp) in enumerate(zip(self.guarded, self.shared.stamps.tolist(), strict=True)):
            expires = stamp + one.limit
            if expires > now:
                wake = min(wake, expires)
            elif self._failed[number] != stamp:
                found.append(number)
        return found, wake

    def fail(self, numbers: list[int]) -> None:
        """Fail checks, and let the agent know that its values are no longer in the files."""
        for number in numbers:
            stamp = self.shared.stamps[number]
            self.shared.failed[number] = 1
            if self.guarded[number].fail(self.runtime):
                self._failed[number] = stamp  # a later look makes it fail again
            self.shared.failed[number] = 1  # once more: the agent may have looked in between

    def _listen(self) -> bool:
        """Take a message of the agent; return whether it was one, and not its end."""
        try:
            said = self.agent.recv(64, MSG_DONTWAIT)
        except OSError:
            return False
        if said.startswith(LEAVING):
            self.grace = float(said[len(LEAVING) :])
        return bool(said)

    def _outlive(self, until: float | None) -> None:
        """Fail what grows stale, or all at a time, but only while no successor holds the lock."""
        poll = select.poll()
        while True:
            now = monotonic()
            stale, wake = self.stale(now) if until is None else ([], until)
            if until is not None and until <= now:
                stale, wake = list(range(len(self.guarded))), float("inf")
            held = manifest.lock(self.runtime)
            if held is None:
                return
            self.fail(stale)
            posix.close(held)
            if wake == float("inf"):
                return
            poll.poll(min(_SUCCESSOR, max(0.0, wake - now)) * 1000)


def main(runtime: str, pid: int, agent: int, memory: int) -> None:
    """Guard; signals meant for the agent, as those of a terminal, leave this process where it is."""
    posix.chdir("/")
    for number in (SIGHUP, SIGINT, SIGQUIT, SIGTERM):
        signal(number, SIG_IGN)
    Watchdog(runtime, pid, agent, memory).run()
