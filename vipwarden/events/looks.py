"""How often are HAProxy, IPVS and keepalived looked at, which do not tell when they change?

Each as often as its own small share of a CPU allows. At once, and then often for a while, when something happens on the
node, and when the process of a daemon ends.
"""

from __future__ import annotations

import os
import select
from contextlib import suppress
from time import monotonic, sleep, thread_time
from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence

    from vipwarden.events.event import Event
    from vipwarden.events.hand import Hand
    from vipwarden.events.process import Tell

_SHARE = 0.25e-3 / 60  # of a CPU for each source
_ABSENT = 60.0  # seconds between two looks for what this node does not have
_TOGETHER = 3.0  # seconds by which a look may be early, so that one sleep ends for several
_OFTEN, _WHILE = 0.5, 10.0  # seconds between two looks, and for how long, when something has happened
_SLOW = 0.1  # seconds of a look that is not repeated often: the source hangs
_PATIENCE = 10.0  # seconds of other work for each second of a look that hangs
# not "address": a VIP is "vip", and on a node with containers other addresses come and go all the time
_STIRRING = frozenset(("check", "maintenance", "panic", "process", "restart", "server", "vip", "vrrp"))


class Source(Protocol):
    """What is looked at, every ``least`` to ``most`` seconds while nothing happens."""

    least: float
    most: float

    @property
    def is_there(self) -> bool:
        """Whether this node has it, by the last look."""

    def descriptors(self) -> Iterable[int]:
        """Return descriptors that can be read when there is something to see."""

    def look(self, tell: Tell) -> None:
        """Tell what has changed; raises nothing."""


class Looks:
    """Looks at sources and hands over what has changed."""

    def __init__(self, hand: Hand, sources: Sequence[Source], say: Callable[[str], None]) -> None:
        """Name the sources; raises OSError."""
        self._hand = hand
        self._due = dict.fromkeys(sources, 0.0)  # when to look next at each
        self._slow: set[Source] = set()
        self._say = say
        self._stirred = os.eventfd(0, os.EFD_NONBLOCK | os.EFD_CLOEXEC)
        self._until = 0.0  # looked at often until this time

    def stir(self, events: Sequence[Event]) -> None:
        """Look soon, if events say that something happens; from any thread."""
        if not _STIRRING.isdisjoint(event.kind for event in events):
            os.eventfd_write(self._stirred, 1)

    def run(self) -> None:
        """Look until the process ends."""
        while True:
            now = monotonic()
            is_calm = now >= self._until
            for source, due in list(self._due.items()):
                if due <= now + _TOGETHER or not (is_calm or source in self._slow):
                    self._look(source)
            self._hand.flush()
            self._wait()

    def _look(self, source: Source) -> None:
        begun, spent = monotonic(), thread_time()
        try:
            source.look(self._hand.give)
        except Exception as error:  # noqa: BLE001 - our own bug must not end the others
            del self._due[source]
            self._slow.discard(source)
            self._say(f"{type(source).__name__} is not recorded any more: {error!r}")
            return
        pace = (thread_time() - spent) / _SHARE
        took = (now := monotonic()) - begun
        (self._slow.add if took > _SLOW else self._slow.discard)(source)
        least = max(source.least if source.is_there else _ABSENT, took * _PATIENCE)
        self._due[source] = now + max(least, min(pace, source.most))

    def _wait(self) -> None:
        """Wait until a look is due, or something happens."""
        poll = select.poll()
        poll.register(self._stirred, select.POLLIN)
        whose = {descriptor: source for source in self._due for descriptor in source.descriptors()}
        for descriptor in whose:
            poll.register(descriptor, select.POLLIN)
        now = monotonic()
        is_calm = now >= self._until
        seconds = max(0.0, min(self._due.values(), default=_ABSENT) - now) if is_calm else _OFTEN
        ready = poll.poll(seconds * 1000)
        if not ready:
            return
        for descriptor, _ in ready:
            if descriptor in whose:
                self._due[whose[descriptor]] = 0.0
        self._until = monotonic() + _WHILE
        with suppress(BlockingIOError):
            os.eventfd_read(self._stirred)
        if not is_calm:
            sleep(_OFTEN / 5)  # a storm of events is no storm of looks
