"""Who holds each VIP at each millisecond, from the start of the nodes through a fault to its end?

A run has only routers that depend on each other: those of one virtual router, and of the sync groups that tie several.
"""

from __future__ import annotations

from collections import deque
from heapq import heapify, heappop, heappush
from math import lcm
from typing import TYPE_CHECKING, Any, NamedTuple

from rehearse.model.cluster import INTERFACE, Link, links, meets, waits_forever, written
from rehearse.model.parts import virtual_routers
from rehearse.model.router import BACKUP, MASTER, OFF, Router, Sync

if TYPE_CHECKING:
    from collections.abc import Callable

    from rehearse.model.cluster import Cluster

    Key = tuple[int, str, str]  # node, kind and name of a tracker

_LONGEST = 120_000  # ms after which a run that does not come to rest is given up


class Held(NamedTuple):
    """From a time on: the nodes that hold the VIP and can be reached, and those of them whose service is well."""

    time: int
    owners: tuple[int, ...]
    serving: tuple[int, ...]


class Run:
    """The routers of a part, and what is broken. ``routers`` are pairs of node and instance (their places)."""

    def __init__(self, cluster: Cluster, part: list[tuple[int, int]]) -> None:
        self.cluster = cluster
        self.now = self.since = self.acted = self._number = 0
        self.pending = 0
        self.routers: list[Router] = []
        self.tracked: dict[Key, list[tuple[Router, Link]]] = {}
        self.service: dict[Key, list[Router]] = {}
        self.values: dict[Key, int] = {}
        self.known: set[Key] = set()  # scripts that have had a result
        self.waiting: set[Router] = set()
        self.deaf: set[tuple[int, int, str]] = set()
        self.dead: set[int] = set()
        self._heap: list[tuple[int, int, Router | None, Callable[[], None] | None]] = []
        self._armed: dict[Router, int] = {}
        self._post: deque[tuple[Router, Router, int, bool]] = deque()
        self.late: dict[Router, dict[Router, int]] = {}
        self.learned: dict[Key, int] = {}  # the values as keepalived has learned them
        self.missed: set[Key] = set()  # those that a frozen keepalived has yet to learn
        syncs: dict[tuple[int, str], Sync] = {}
        for place, number in part:
            node = cluster.nodes[place]
            spec = node.instances[number]
            router = Router(self, place, spec)
            group = cluster.group_of(node, spec)
            if group is not None:
                router.sync = syncs.setdefault((place, group.name), Sync())
                router.sync.members.append(router)
            self.routers.append(router)
            if waits_forever(cluster, node, spec):
                self.waiting.add(router)
            for link in links(cluster, node, spec):
                self.tracked.setdefault((place, link.kind, link.name), []).append((router, link))
            for link in written(cluster, node, spec):
                if not link.reverse:
                    self.service.setdefault((place, link.kind, link.name), []).append(router)
        self.syncs = list(syncs.values())
        which = {it: number for number, router in enumerate(virtual_routers(cluster, part)) for it in router}
        self.virtual = {router: which[it] for router, it in zip(self.routers, part, strict=True)}
        groups: dict[int, list[Router]] = {}
        for router, number in self.virtual.items():
            groups.setdefault(number, []).append(router)
        self._shared = {it: groups[self.virtual[it]] for it in self.routers}
        self.peers = {it: self._peers(it) for it in self.routers}
        slowest = max(it.spec.interval for it in self.routers)
        skew = max(1000 if it.spec.version == 2 else slowest for it in self.routers)
        self.quiet = slowest * (1 + max(it.spec.down_adverts for it in self.routers)) + skew
        self.log: dict[int, list[Held]] = {}

    def _peers(self, router: Router) -> list[tuple[Router, bool]]:
        checks = self.cluster.is_old
        others = (it for it in self._shared[router] if it.node != router.node)
        return [(it, meets(it.spec, router.spec, is_old=checks)) for it in others]

    # --- what routers ask of it

    def send(self, router: Router, priority: int) -> None:
        """Deliver an advert to those who hear the router."""
        if self._is_down(router):
            return
        for peer, accepted in self.peers[router]:
            if peer.state == OFF or self._is_down(peer):
                continue
            if self.deaf and (router.node, peer.node, router.spec.interface) in self.deaf:
                continue
            if peer.frozen:
                self.late.setdefault(peer, {})[router] = priority
            else:
                self._post.append((peer, router, priority, accepted))

    def arm(self, router: Router) -> None:
        """Call ``timeout()`` at the router's deadline: its entry moves on when it comes up too early."""
        known = self._armed.get(router)
        if known is None or router.deadline < known:
            self._push(router.deadline, router, None)
            self._armed[router] = router.deadline

    def changed(self, router: Router) -> None:
        """Take note of a change of state, priority or VIP."""
        self.since = self.now
        self.note(router)

    def rearm(self, router: Router) -> None:
        """Forget when a router was to be called, and call it at its deadline."""
        self._armed.pop(router, None)
        self.arm(router)

    def _push(self, time: int, router: Router | None, action: Callable[[], None] | None) -> None:
        self._number += 1
        heappush(self._heap, (time, self._number, router, action))

    def _is_down(self, router: Router) -> bool:
        return self.values.get((router.node, INTERFACE, router.spec.interface), 1) == 0

    def note(self, router: Router) -> None:
        """Log who holds the VIPs of a router, where that has changed."""
        shared = self._shared[router]
        owners = tuple(sorted({it.node for it in shared if it.holds and self._is_reached(it)}))
        serving = tuple(sorted({it.node for it in shared if it.holds and not it.sick and self._is_reached(it)}))
        log = self.log.setdefault(self.virtual[router], [])
        if not log or log[-1][1:] != (owners, serving):
            log.append(Held(self.now, owners, serving))

    def _is_reached(self, router: Router) -> bool:
        if router.node in self.dead:
            return False
        devices = {name for _, name in router.spec.vips} or {router.spec.interface}
        return all(self.values.get((router.node, INTERFACE, name), 1) for name in devices)

    # --- time

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
        while self._heap:
            time, _, router, action = heappop(self._heap)
            if router is not None:
                if self._armed.get(router) != time:
                    continue  # an earlier one took its place
                del self._armed[router]
                if router.state not in (BACKUP, MASTER) or router.frozen:
                    continue
                if router.deadline > time:
                    self.arm(router)
                    continue
                self.now = time
                router.timeout()
            elif action is not None:
                self.now = max(time, self.now)
                action()
            self.deliver()
            return True
        return False

    def deliver(self) -> None:
        """Hand over the adverts that are on their way."""
        while self._post:
            peer, sender, priority, accepted = self._post.popleft()
            if not peer.frozen:
                peer.receive(priority, sender, accepted=accepted)

    def settle(self) -> bool:
        """Go on until nothing has changed for longer than any timer lasts; false where that never comes."""
        self.since = self.acted = self.now
        while self.pending or self.since + self.quiet >= self.now or self._awaited() >= self.now:
            if self.since + self.quiet < self.now:
                self._skip()
            elif self.now > max(self.acted, self._awaited()) + _LONGEST + 4 * self.quiet:
                return False
            if not self.step():
                break
        return True

    def _awaited(self) -> int:
        """Return until when a preempt_delay or vrrp_startup_delay may still change something."""
        delays = [it.preempt_at for it in self.routers if it.preempt_at]
        delays += [it.deadline for it in self.routers if it.waits and it.state == BACKUP]
        return max(delays, default=-self.quiet) + self.quiet

    def _skip(self) -> None:
        """Leave out adverts that change nothing, up to what is awaited next; all timers keep their phase."""
        times = [time for time, _, router, _ in self._heap if router is None]
        times += [it.delayed for it in self.routers if it.delayed > self.now]
        times += [it.deadline for it in self.routers if it.waits and it.deadline > self.now]
        times += [it.preempt_at for it in self.routers if it.preempt_at > self.now]
        rest = min(times, default=self.now) - self.now - 2 * self.quiet
        round_trip = lcm(*{it.spec.interval for it in self.routers})
        whole = rest // round_trip * round_trip
        is_put_off = self.cluster.is_old and any(it.delayed > self.now for it in self.routers)
        if whole <= 0 or is_put_off:
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
        """Go on until a MASTER has just sent an advert, where there is one."""
        for _ in range(4 * len(self.routers) + 4):
            masters = [it for it in self.routers if it.state == MASTER and not it.frozen]
            if not masters:
                return
            first = masters[0]
            while first.state == MASTER and first.deadline != self.now + first.spec.interval:
                if not self.step():
                    return
            if first.state == MASTER:
                return

    def save(self) -> tuple[object, ...]:
        """Return all that a fault may change, for ``load()``; nothing may be pending."""
        routers = [tuple(getattr(it, name) for name in Router.MUTABLE) for it in self.routers]
        syncs = [(it.state, it.faults, it.inits) for it in self.syncs]
        last = {key: log[-1:] for key, log in self.log.items()}
        late = {it: dict(adverts) for it, adverts in self.late.items()}
        broken = set(self.deaf), set(self.dead), late, dict(self.learned), set(self.missed)
        rest = self.now, self.since, dict(self.values), set(self.known), list(self._heap), dict(self._armed)
        return (routers, syncs, last, broken, rest)

    def load(self, saved: tuple[Any, ...]) -> None:
        """Go back to what was saved."""
        routers, syncs, last, (deaf, dead, late, learned, missed), rest = saved
        self.now, self.since, values, known, heap, armed = rest
        for it, state in zip(self.routers, routers, strict=True):
            for name, value in zip(Router.MUTABLE, state, strict=True):
                setattr(it, name, value)
        for sync, state in zip(self.syncs, syncs, strict=True):
            sync.state, sync.faults, sync.inits = state
        self.log = {key: list(log) for key, log in last.items()}
        self.values, self.known, self._heap, self._armed = dict(values), set(known), list(heap), dict(armed)
        self.pending = 0
        self.deaf, self.dead, self.learned, self.missed = set(deaf), set(dead), dict(learned), set(missed)
        self.late = {it: dict(adverts) for it, adverts in late.items()}
        self._post.clear()
