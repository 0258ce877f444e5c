"""Which instance became MASTER, or ceased to be, without keepalived's notify? The VIPs that moved say so.

keepalived tells of each transition only where ``notify`` or its FIFO are configured. Where a VIP moves and nobody hands
the transition over, the VIPs say whether this node is MASTER; whether it is BACKUP or FAULT they cannot say.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from vipwarden.events.event import GONE, HELD
from vipwarden.events.explain import MASTER

if TYPE_CHECKING:
    from collections.abc import Iterator

    from vipwarden.events.event import Event

NOT_MASTER = "not MASTER"
_PATIENCE = 1.5  # seconds in which notify may tell
_MOST = 4096  # instances: a script user may hand over any name
_BRIEF = 0.2  # seconds: a VIP that is away for less was not given up


class Change(NamedTuple):
    """A transition that only the VIPs show; ``boot`` is its time in seconds since boot."""

    name: str
    state: str
    before: str
    boot: float


class Roles:
    """What each instance is, by the events of this node in the order of writing."""

    def __init__(self) -> None:
        self._held: dict[str, set[str]] = {}  # VIPs of an instance
        self._states: dict[str, str] = {}
        self._waiting: dict[str, Change] = {}
        self._notified: set[str] = set()  # instances whose notify works
        self._passed: list[Change] = []  # such as nobody will tell any more, for the VIPs have moved again

    def take(self, event: Event) -> None:
        """Look at an event."""
        if event.kind == "vrrp" and event.of == "INSTANCE" and event.by != "recorder":  # not what ripe() has yielded
            self._states.pop(event.name, None)
            self._states[event.name] = event.state
            if len(self._states) > _MOST:
                oldest = next(iter(self._states))
                del self._states[oldest]
                self._notified.discard(oldest)
            self._waiting.pop(event.name, None)
            if event.by == "notify":
                self._notified.add(event.name)
        elif event.kind == "vip" and event.of and event.state in (HELD, GONE):
            self._moved(event)

    def _moved(self, event: Event) -> None:
        name, vips = event.of, self._held.setdefault(event.of, set())
        (vips.add if event.state == HELD else vips.discard)(event.name)
        if event.before == event.state:  # it was there before the recorder
            self._states.setdefault(name, MASTER)
            return
        waits = self._waiting.get(name)
        if waits is not None and bool(vips) is not (waits.state == MASTER):  # back again
            del self._waiting[name]
            if name not in self._notified and event.boot - waits.boot > _BRIEF:
                self._passed.append(waits)
                self._states[name] = waits.state
        before = self._states.get(name, "")
        if name not in self._waiting and bool(vips) is not (before == MASTER):
            self._waiting[name] = Change(name, MASTER if vips else NOT_MASTER, before, event.boot)

    def due(self) -> float:
        """Return the time since boot at which ripe() has something, infinite where nothing waits."""
        if self._passed:
            return 0.0
        return min((change.boot for change in self._waiting.values()), default=float("inf")) + _PATIENCE

    def ripe(self, now: float) -> Iterator[Change]:
        """Yield the transitions that nobody has handed over until ``now``, in seconds since boot."""
        passed, self._passed = self._passed, []
        yield from passed
        for change in [it for it in self._waiting.values() if it.boot + _PATIENCE <= now]:
            del self._waiting[change.name]
            self._states[change.name] = change.state
            yield change
