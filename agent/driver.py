"""How do thousands of checks wait at once, at little more than the cost of their sockets?

An epoll object is nested in the asyncio loop: its descriptor is one more that the loop watches. A check is resumed by
hand when its socket is ready, without a task, a future or a timer for it. Starts and deadlines are gathered in ticks.
A check that awaits something other than its Net has a bug.
"""

from __future__ import annotations

import asyncio
import resource
import select
from time import monotonic, thread_time
from typing import TYPE_CHECKING

from agent.away import Away
from agent.events import NOTHING, Events
from agent.names import Names
from agent.wheel import Wheel
from vipwarden.core.result import UNKNOWN, Result, bug

if TYPE_CHECKING:
    from _socket import socket
    from collections.abc import Callable

    from agent.run import Run
    from vipwarden.net.path import Paths


_EDGES = select.EPOLLIN | select.EPOLLOUT | select.EPOLLRDHUP | select.EPOLLET
_GRACE = 0.1  # seconds that a run may take to end after its deadline
_SPARE = 64  # descriptors for all that is no run
_ROUNDS = 32  # looks for events before others on the same loop have their turn
_BURST = 32  # starts between two looks for events
STALL = 0.5  # seconds without running, after which a missed deadline says nothing of a server


class Driver:
    """Runs checks in the running asyncio loop; ``say`` takes lines for the operator."""

    def __init__(self, say: Callable[[str], None] = lambda _text: None) -> None:
        self.names = Names(say)
        self.paths: Paths | None = None  # where the checks of an agent may use its own
        self.batch = 0
        self.stalls = 0
        self.active: set[Run] = set()
        soft = resource.getrlimit(resource.RLIMIT_NOFILE)[0]
        processes = soft // 8  # to watch
        self.most = max(soft - processes - _SPARE, soft // 4)  # runs at once
        self.shared: dict[str, object] = {}
        self._say = say
        self._loop = asyncio.get_running_loop()
        self.away = Away(self._loop)
        self.events = Events(self._loop, processes, say)
        self._epoll = select.epoll()
        self._runs: dict[int, Run] = {}
        self._starts: Wheel[Callable[[float], None]] = Wheel()
        self._deadlines: Wheel[Run] = Wheel()
        self._timer: asyncio.TimerHandle | None = None
        self._used = thread_time()
        self._wakes = float("inf")
        self._loop.add_reader(self._epoll.fileno(), self.poll)

    def close(self) -> None:
        """Abandon all runs and leave the loop."""
        self._loop.remove_reader(self._epoll.fileno())
        self._wakes = -1.0  # nothing wakes it any more
        if self._timer is not None:
            self._timer.cancel()
        for run in list(self.active):
            self.abandon(run)
        self.names.close()
        self.events.close()
        self._epoll.close()

    def at(self, when: float, call: Callable[[float], None]) -> None:
        """Call something with the time of its tick, at the end of the tick in which a monotonic time lies."""
        tick = self._starts.add(when, call)
        if tick < self._wakes:
            self._wake(tick)

    def start(self, run: Run) -> None:
        """Begin a run; its ``finish`` is called with the Result, which may be before this returns."""
        run.late = 0
        run.named = NOTHING
        run.until = run.end = run.deadline = monotonic() + run.limit
        self.active.add(run)
        try:
            run.coroutine = run.function(run, **run.values)
        except BaseException as error:  # noqa: BLE001 - one check must not take the others down
            self._finish(run, bug(run.name, error))
            return
        self.step(run, True)

    def abandon(self, run: Run) -> None:
        """End a run without a result."""
        self.active.discard(run)
        if run.coroutine is not None:
            try:
                run.coroutine.close()
            except BaseException as error:  # noqa: BLE001 - it would not end, and is gone now
                self._say(f"{run.name}: {bug(run.name, error).text}")
        run.named = NOTHING
        self.events.leave(run, run.watched)
        _rest(run)

    def step(self, run: Run, value: bool) -> None:
        """Resume a run with what it waited for."""
        coroutine = run.coroutine
        if coroutine is None:
            return
        try:
            foreign = coroutine.send(value if run.started else None)
        except StopIteration as end:
            self._finish(run, end.value)
        except BaseException as error:  # noqa: BLE001 - one check must not take the others down
            self._finish(run, bug(run.name, error))
        else:
            run.started = True
            if foreign is not None or not run.awaits:
                self.abandon(run)
                self._finish(run, bug(run.name, RuntimeError("a check waited for something other than its Net")))

    def watch(self, run: Run, sock: socket) -> None:
        """Resume a run by the edges of a socket."""
        descriptor = sock.fileno()
        try:
            self._epoll.register(descriptor, _EDGES)
        except FileExistsError:
            self._epoll.modify(descriptor, _EDGES)
        self._runs[descriptor] = run
        run.registered = sock

    def arm(self, run: Run, until: float) -> None:
        """Look at a run again at a monotonic time; one entry of a run serves all its deadlines in turn."""
        run.armed = until
        tick = self._deadlines.add(until, run)
        if tick < self._wakes:
            self._wake(tick)

    def later(self, seconds: float, call: Callable[[], None]) -> None:
        """Call something after a while."""
        self._loop.call_later(seconds, call)

    def poll(self) -> None:
        """Resume the runs whose sockets are ready, and those that become so meanwhile: asyncio's rounds cost more."""
        runs = self._runs
        for _ in range(_ROUNDS):
            ready = self._epoll.poll(0)
            if not ready:
                return
            self.batch = batch = self.batch + 1
            for descriptor, events in ready:
                run = runs.get(descriptor)
                # a run that began to wait in this very batch waits for another socket of the same number
                if run is not None and events & run.awaits and run.batch != batch:
                    run.awaits = 0
                    self.step(run, True)

    def _finish(self, run: Run, result: object) -> None:
        _rest(run)
        self.active.discard(run)
        if run.watched != run.named:
            self.events.leave(run, run.watched - run.named)
        if not isinstance(result, Result):
            result = Result(UNKNOWN, f"internal error in {run.name}: it answered with no result")
        try:
            run.finish(result)
        except Exception as error:  # noqa: BLE001 - nor may a bug of the agent stop the others
            self._say(bug(run.name, error).text)

    def _wake(self, when: float) -> None:
        self._wakes = when
        if self._timer is not None:
            self._timer.cancel()
        self._timer = self._loop.call_at(when, self._tick)

    def _tick(self) -> None:
        now = monotonic()
        late = now - self._wakes
        used, self._used = self._used, thread_time()
        self._wakes = float("inf")
        if late > STALL and self._used - used < late / 2:  # else it was running, and has too much to do
            self._stalled(late)
        self.poll()  # what has come in time must not be taken for late
        for run in self._deadlines.due(now):
            self._expire(run, now)
        self.shared.clear()
        for count, call in enumerate(self._starts.due(now), 1):
            try:
                call(now)
            except Exception as error:  # noqa: BLE001
                self._say(bug("a start", error).text)
            if count % _BURST == 0:  # answers come while others are still being asked
                self.poll()
        self.shared.clear()
        tick = min(self._starts.next, self._deadlines.next)
        if tick < self._wakes:
            self._wake(tick)

    def _stalled(self, late: float) -> None:
        """Begin all runs anew: the servers are not to blame for their lateness."""
        self.stalls += 1
        self._say(f"was not running for {late:.1f} s: {len(self.active)} checks begin anew")
        for run in list(self.active):
            if run.coroutine is not None:
                self.abandon(run)
                self.at(monotonic(), lambda _now, run=run: self.start(run) if run not in self.active else None)  # type: ignore[misc]

    def _expire(self, run: Run, now: float) -> None:
        if now < run.armed:  # there is an earlier entry that it was armed again by
            return
        run.armed = float("inf")
        if run.coroutine is None:
            return
        if now >= run.end + _GRACE:
            run.late += 1
            if run.late > 3:
                self.abandon(run)
                text = f"the check {run.name} did not end within its {run.limit:g} s"
                self._finish(run, Result(UNKNOWN, text, expired=True))
                return
        if run.awaits and now >= run.until:
            run.awaits = 0
            self.step(run, False)
        if run.coroutine is not None and run.armed == float("inf"):
            self.arm(run, max(now, run.until if run.awaits else run.end))


def _rest(run: Run) -> None:
    """Let a run wait for nothing, until it is started anew."""
    run.coroutine = run.registered = None
    run.awaits = 0
    run.started = False
    run.serial += 1
