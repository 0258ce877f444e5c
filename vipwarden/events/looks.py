"""How often are HAProxy, IPVS and keepalived looked at, which do not tell when they change?

As often as CPU allows: a millisecond a minute. At once, and then often for a while, when something happens on the node,
and when the process of a daemon ends.
"""

from __future__ import annotations

import os
import select
from time import monotonic, sleep, thread_time
from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from vipwarden.events.event import Event
    from vipwarden.events.hand import Hand
    from vipwarden.events.process import Tell

_BUDGET = 0.5e-3 / 60  # of a CPU; the way to sleep and back, and the recorder itself, take as much again
_LEAST, _MOST = 10.0, 120.0  # seconds between two looks while nothing happens
_OFTEN, _WHILE = 0.5, 10.0  # seconds between two looks, and for how long, when something has happened
_STIRRING = frozenset(("address", "check", "maintenance", "panic", "process", "restart", "server", "vip", "vrrp"))


class Source(Protocol):
    """What is looked at."""

    def fileno(self) -> int:
        """Return a descriptor that can be read when there is something to see, or -1."""

    def look(self, tell: Tell) -> None:
        """Tell what has changed; raises nothing."""


class Looks:
    """Looks at sources and hands over what has changed."""

    def __init__(self, hand: Hand, sources: Sequence[Source], say: Callable[[str], None]) -> None:
        """Name the sources; raises OSError."""
        self._hand = hand
        self._sources = list(sources)
        self._say = say
        self._stirred = os.eventfd(0, os.EFD_NONBLOCK | os.EFD_CLOEXEC)
        self._until = 0.0  # looked at often until this time

    def stir(self, events: Sequence[Event]) -> None:
        """Look soon, if events say that something happens; from any thread."""
        if not _STIRRING.isdisjoint(event.kind for event in events):
            os.eventfd_write(self._stirred, 1)

    def run(self) -> None:
        """Look until the process ends."""
        spent = thread_time()
        while True:
            self._look()
            before, spent = spent, thread_time()  # with the way here from the last look
            self._wait(max(_LEAST, min((spent - before) / _BUDGET, _MOST)))

    def _look(self) -> None:
        for source in list(self._sources):
            try:
                source.look(self._hand.give)
            except Exception as error:  # noqa: BLE001 - our own bug must not end the others
                self._sources.remove(source)
                self._say(f"{type(source).__name__} is not recorded any more: {error!r}")
        self._hand.flush()

    def _wait(self, seconds: float) -> None:
        poll = select.poll()
        poll.register(self._stirred, select.POLLIN)
        for source in self._sources:
            if source.fileno() >= 0:
                poll.register(source.fileno(), select.POLLIN)
        if monotonic() < self._until:
            seconds = _OFTEN
        if poll.poll(seconds * 1000):
            is_calm = monotonic() >= self._until
            self._until = monotonic() + _WHILE
            try:
                os.eventfd_read(self._stirred)
            except BlockingIOError:
                pass
            if not is_calm:
                sleep(_OFTEN / 5)  # a storm of events is no storm of looks
