"""Which checks does the agent look at now, and how does it go over to others?"""

from __future__ import annotations

import asyncio
import gc
from time import monotonic
from typing import TYPE_CHECKING

from agent.spoken import Spoken
from agent.watch import linked
from vipwarden.state import publish, verdict

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from agent.asked import Ask
    from agent.guard import Guard
    from agent.maintained import Maintained
    from agent.published import Published
    from agent.publisher import Publisher
    from agent.turns import Turns
    from agent.watch import Watch
    from vipwarden.config.entry import Entry
    from vipwarden.config.panic import Group

_AT_ONCE = 50  # checks that are told of a maintenance, before others have their turn
_YOUNG = 10_000  # objects between two garbage collections: a run in flight has dozens, which are freed by themselves


class Watches:
    """The checks ``by_name``, whose guard stamps when each was looked at."""

    def __init__(self, turns: Turns, publisher: Publisher, maintained: Maintained) -> None:
        self.by_name: dict[str, Watch] = {}
        self._turns = turns
        self._publisher = publisher
        self._maintained = maintained
        self._guard: Guard

    def __len__(self) -> int:
        """Return the number of checks."""
        return len(self.by_name)

    def begin(
        self, entries: Sequence[Entry], guard: Guard, panics: Sequence[Group], asks: Sequence[Ask], grace: float
    ) -> None:
        """Look at checks from now on, and take over what an earlier agent published of them."""
        watches = linked(entries, {})
        for watch in watches.values():
            watch.take_over(verdict.read(f"{self._publisher.verdicts}/{watch.published.file}"), grace)
        publish.sweep(self._publisher.verdicts)
        self._turns.telling.groups.begin()
        self._switch(watches, guard, panics, asks)

    def go_over(self, entries: Sequence[Entry], guard: Guard, panics: Sequence[Group], asks: Sequence[Ask]) -> None:
        """Look at other checks from now on; those that stay as they are go on."""
        self._switch(linked(entries, self.by_name), guard, panics, asks)

    def _switch(self, watches: dict[str, Watch], guard: Guard, panics: Sequence[Group], asks: Sequence[Ask]) -> None:
        self._guard = guard
        self._turns.guard(guard.looks, guard.failed)
        before, self.by_name = self.by_name, watches
        for name, old in before.items():
            if watches.get(name) is not old:
                self._turns.stop(old)
        now = monotonic()
        for number, watch in enumerate(watches.values()):
            watch.number = number
            watch.told.follow(self._maintained.of(watch.entry))
        self._turns.telling.groups.asked.go_over(asks)
        self._turns.telling.groups.arrange(panics, watches, now)
        for name, watch in watches.items():
            if watch.entry.track and watch.published.value is None:
                self._publisher.track(watch.published, watch.value)
            if before.get(name) is not watch and not watch.links.members:
                self._turns.begin(watch, now)
                self._turns.telling.dampen(watch)
        _tidy()

    def drop(self, files: Iterable[str]) -> None:
        """Remove the files of checks that are no longer configured."""
        for file in files:
            self._publisher.remove(self._publisher.tracks, file)
            self._publisher.remove(self._publisher.verdicts, file)

    async def follow(self) -> None:
        """Let maintenance begin or end, a few checks at a time: the others go on meanwhile."""
        users: dict[str, Watch] = {}
        for number, (name, watch) in enumerate([*self.by_name.items()]):
            if self.by_name.get(name) is watch and self._turns.telling.follow(
                watch, self._maintained.of(watch.entry), monotonic()
            ):
                users |= {user.entry.name: user for user in watch.links.users}
            if number % _AT_ONCE == _AT_ONCE - 1:
                await asyncio.sleep(0)
        for name, user in users.items():
            if self.by_name.get(name) is user:
                self._turns.compose(user, monotonic(), changed=True)

    def spoken(self, name: str) -> tuple[Watch, Spoken] | None:
        """Return a check by its name, with what is said of it now."""
        watch = self.by_name.get(name)
        return None if watch is None else (watch, Spoken(watch, self._guard.looks[watch.number], monotonic()))

    def published(self) -> Iterator[Published]:
        """Yield what is published of each check."""
        return (watch.published for watch in self.by_name.values())


def _tidy() -> None:
    """Free what was configured before, and spare the garbage collector what is configured now."""
    gc.unfreeze()
    gc.collect()
    gc.freeze()
    gc.set_threshold(_YOUNG)
