"""Who holds each VIP at each millisecond, from the start of the nodes through a fault to its end?

A run has only routers that depend on each other: those of one virtual router, and of the sync groups that tie several.
"""

from __future__ import annotations

from collections import deque
from typing import TYPE_CHECKING, Any, NamedTuple

from rehearse.model.adverts import receive
from rehearse.model.cluster import INTERFACE, Link, links, meets, reaches, waits_forever, written
from rehearse.model.faults import unseen
from rehearse.model.parts import virtual_routers
from rehearse.model.router import Router
from rehearse.model.sync import OFF, Sync
from rehearse.model.timers import Timers

if TYPE_CHECKING:
    from rehearse.model.cluster import Cluster

    Key = tuple[int, str, str]  # node, kind and name of a tracker


class Held(NamedTuple):
    """From a time on: the nodes that hold the VIP and can be reached, and those of them whose service is well."""

    time: int
    owners: tuple[int, ...]
    serving: tuple[int, ...]


class Run(Timers):
    """The routers of a part, and what is broken. ``routers`` are pairs of node and instance (their places)."""

    def __init__(self, cluster: Cluster, part: list[tuple[int, int]]) -> None:
        super().__init__(cluster)
        self.tracked: dict[Key, list[tuple[Router, Link]]] = {}
        self.service: dict[Key, list[Router]] = {}
        self.unseen: dict[Key, list[Router]] = {}
        self.values: dict[Key, int] = {}
        self.known: set[Key] = set()  # scripts that have had a result
        self.waiting: set[Router] = set()
        self.deaf: set[tuple[int, int, str]] = set()
        self.dead: set[int] = set()
        self._post: deque[tuple[Router, Router, int, bool]] = deque()
        self.late: dict[Router, dict[Router, int]] = {}
        self.learned: dict[Key, int] = {}  # the values as keepalived has learned them
        self.missed: set[Key] = set()  # those that a frozen keepalived has yet to learn
        syncs: dict[tuple[int, str], Sync[Router]] = {}
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
            for link in unseen(cluster, node, spec):
                self.unseen.setdefault((place, link.kind, link.name), []).append(router)
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
        others = (it for it in self._shared[router] if it.node != router.node and reaches(router.spec, it.spec))
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

    def changed(self, router: Router) -> None:
        """Take note of a change of state, priority or VIP."""
        self.since = self.now
        self.note(router)

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

    def deliver(self) -> None:
        """Hand over the adverts that are on their way."""
        while self._post:
            peer, sender, priority, accepted = self._post.popleft()
            if not peer.frozen:
                receive(peer, priority, sender, accepted=accepted)

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
