"""What comes next in a run, and when has it come to rest?"""

from __future__ import annotations

from abc import ABC, abstractmethod
from heapq import heapify, heappop, heappush
from math import lcm
from typing import TYPE_CHECKING

from rehearse.model.sync import BACKUP, MASTER

if TYPE_CHECKING:
    from collections.abc import Callable

    from rehearse.model.cluster import Cluster
    from rehearse.model.router import Router

_LONGEST = 120_000  # ms after which a run that does not come to rest is given up
_MOST_STEPS = 10_000  # and events: adverts each 10 ms, and others each four minutes
_MOST_EACH = 100  # of a router where there are many


class Timers(ABC):
    """The timers of some routers, and actions to come; ``since`` is when something has changed last.

    Nothing changes any more where nothing has changed for longer than ``quiet``.
    """

    quiet: int

    def __init__(self, cluster: Cluster) -> None:
        self.cluster = cluster
        self.now = self.since = self.acted = self._number = 0
        self.pending = 0
        self.routers: list[Router] = []
        self._heap: list[tuple[int, int, Router | None, Callable[[], None] | None]] = []
        self._armed: dict[Router, int] = {}

    @abstractmethod
    def deliver(self) -> None:
        """Hand over the adverts that are on their way."""

    def arm(self, router: Router) -> None:
        """Call ``timeout()`` at the router's deadline: its entry moves on when it comes up too early."""
        known = self._armed.get(router)
        if known is None or router.deadline < known:
            self._push(router.deadline, router, None)
            self._armed[router] = router.deadline

    def rearm(self, router: Router) -> None:
        """Forget when a router was to be called, and call it at its deadline."""
        self._armed.pop(router, None)
        self.arm(router)

    def _push(self, time: int, router: Router | None, action: Callable[[], None] | None) -> None:
        self._number += 1
        heappush(self._heap, (time, self._number, router, action))

    def at(self, time: int, action: Callable[[], None]) -> None:
        """Do something at a time."""
        self.pending += 1

        def act() -> None:
            self.pending -= 1
            self.since = self.acted = self.now
            action()

        self._push(time, None, act)

    def step(self) -> bool:
        """Go on to the next event and do it; false where nothing is left to come."""
        if not self._is_due():
            return False
        time, _, router, action = heappop(self._heap)
        self.now = max(time, self.now)
        if router is not None:
            del self._armed[router]
            router.timeout()
        elif action is not None:
            action()
        if not self._is_one_of_many():
            self.deliver()  # no advert is so fast that it stops a timer which ends in the same millisecond
        return True

    def _is_one_of_many(self) -> bool:
        """Return whether another timer ends in this millisecond."""
        return self._is_due() and self._heap[0][0] <= self.now and self._heap[0][2] is not None

    def _is_due(self) -> bool:
        """Return whether the first event is to be done; what has lost its meaning is left out."""
        while self._heap:
            time, _, router, _ = self._heap[0]
            if router is None:
                return True
            is_armed = self._armed.get(router) == time  # else an earlier one took its place
            if is_armed and router.state in (BACKUP, MASTER) and not router.frozen and router.deadline <= time:
                return True
            heappop(self._heap)
            if is_armed:
                del self._armed[router]
                if router.state in (BACKUP, MASTER) and not router.frozen:
                    self.arm(router)
        return False

    def settle(self) -> bool:
        """Go on until nothing has changed for longer than any timer lasts; false where that never comes."""
        self.since = self.acted = self.now
        steps, most = 0, max(_MOST_STEPS, _MOST_EACH * len(self.routers))
        while self.pending or self.since + self.quiet >= self.now or self._awaited() >= self.now:
            has_rest = self.since + self.quiet < self.now
            late = self.now - _LONGEST - 4 * self.quiet
            if has_rest and steps <= most:
                self._skip()
            elif steps > most or (late > self.acted and late > self._awaited()):
                if not self.pending:
                    return False
                self._skip(roughly=True)
            steps += 1
            if not self.step():
                break
        return True

    def _awaited(self) -> int:
        """Return until when a preempt_delay or vrrp_startup_delay may still change something."""
        delays = [it.preempt_at for it in self.routers if it.preempt_at]
        delays += [it.deadline for it in self.routers if it.waits and it.state == BACKUP]
        return max(delays, default=-self.quiet) + self.quiet

    def _skip(self, *, roughly: bool = False) -> None:
        """Leave out adverts that change nothing, up to what is awaited next; all timers keep their phase.

        ``roughly``: leave out all of them, where there are too many.
        """
        times = [time for time, _, router, _ in self._heap if router is None]
        waits = () if roughly else self.routers
        times += [it.delayed for it in waits if it.delayed > self.now]
        times += [it.deadline for it in waits if it.waits and it.deadline > self.now]
        times += [it.preempt_at for it in waits if it.preempt_at > self.now]
        rest = min(times, default=self.now) - self.now - (0 if roughly else 2 * self.quiet)
        round_trip = 1 if roughly else lcm(*{it.spec.interval for it in self.routers})
        whole = rest // round_trip * round_trip
        is_put_off = self.cluster.is_old and any(it.delayed > self.now for it in self.routers)
        if whole <= 0 or (is_put_off and not roughly):
            return
        self.now += whole
        self.since += whole
        moved = {it for it in self.routers if not it.waits}
        for it in moved:
            it.deadline += whole
        self._armed = {it: time + whole * (it in moved) for it, time in self._armed.items()}
        self._heap = [(time + whole * (it in moved), order, it, act) for time, order, it, act in self._heap]
        heapify(self._heap)

    def until_advert(self) -> None:
        """Go on until a MASTER has just sent an advert, and others of the same millisecond; where there is a MASTER."""
        for _ in range(4 * len(self.routers) + 4):
            masters = [it for it in self.routers if it.state == MASTER and not it.frozen]
            if not masters:
                return
            first = masters[0]
            while first.state == MASTER and first.deadline != self.now + first.spec.interval:
                if not self.step():
                    return
            while self._is_one_of_many() and self.step():
                pass
            if first.state == MASTER:
                return
