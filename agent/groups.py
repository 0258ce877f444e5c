"""Which groups of checks are in a panic, and what is told of their checks then?"""

from __future__ import annotations

from functools import partial
from time import monotonic
from typing import TYPE_CHECKING

from agent.asked import Asked
from agent.panic import Panic
from agent.pool import Pool
from agent.shared import Shared
from vipwarden.config.panic import TITLE
from vipwarden.state import files, paths

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from agent.driver import Driver
    from agent.publisher import Publisher
    from agent.watch import Watch
    from vipwarden.config.panic import Group
    from vipwarden.core.result import State

_NEVER = float("inf")


class Groups:
    """The groups of an agent; ``release`` is called with a check whose failure has to be told now."""

    def __init__(
        self,
        driver: Driver,
        publisher: Publisher,
        looks: Callable[[], memoryview[float]],
        release: Callable[[Watch], None],
    ) -> None:
        self._driver = driver
        self._publisher = publisher
        self._looks = looks
        self._release = release
        self.asked = Asked(driver.away)
        self._watches: Mapping[str, Watch] = {}
        self._groups: list[Pool] = []
        self._of: dict[str, list[Pool]] = {}

    def begin(self) -> None:
        """Remove the verdicts on groups of an earlier agent."""
        try:
            there = [name for name in files.names(self._publisher.verdicts) if name.startswith(paths.file_name(TITLE))]
        except OSError:
            return
        for name in there:
            self._publisher.remove(self._publisher.verdicts, name)

    def arrange(self, groups: Sequence[Group], watches: Mapping[str, Watch], now: float) -> None:
        """Go over to other groups or checks: what is held is held on, by the groups that still have it."""
        before, self._watches = self._groups, watches
        kept = {pool.group: pool for pool in before}
        self._groups = [kept.get(group) or self._made(group) for group in groups]
        for old in before:
            if old not in self._groups:
                old.drop(self._publisher)
        self._of = {}
        for pool in self._groups:
            for name in pool.group.members:
                self._of.setdefault(name, []).append(pool)
        for name, watch in watches.items():
            watch.is_shared = name in self._of
            if watch.is_shared:
                self.follow(watch)
            if watch.told.kept is not None:
                self._resume(watch, now)
        for pool in self._groups:
            self._arm(pool, now)

    def _made(self, group: Group) -> Pool:
        def unclear(since: float) -> int:
            looks = self._looks()
            members = (self._watches[name] for name in made.panic.members)
            return sum(watch.health.is_healthy and not watch.is_well(since, looks) for watch in members)

        if group.peers:
            return Pool(group, Shared(group.rule, group.members, self._opinion))
        made = Pool(group, Panic(group.rule, group.members, unclear))
        return made

    def _opinion(self, name: str, since: float) -> bool | None:
        return self.asked.opinion(name, since, self._watches[name].since)

    def _resume(self, watch: Watch, now: float) -> None:
        """Go on holding a check that an earlier agent, or another group, has held."""
        told, name = watch.told, watch.entry.name
        mine = self._of.get(name, [])
        if told.record is None and not watch.health.is_healthy and any(name in pool.panic.held for pool in mine):
            return
        left = told.kept_until - now
        is_held = False
        if told.record is None and watch.health.state is not None and not watch.health.is_healthy:
            for pool in mine:
                is_held = pool.panic.resume(name, left, now) or is_held
        if not is_held:
            told.release()

    def fail(self, watch: Watch, before: State, now: float) -> bool:
        """Take the failure of a check that was told healthy, in the state before; return whether it is held back."""
        left = 0.0
        for pool in self._of.get(watch.entry.name, ()):
            if pool.panic.fail(watch.entry.name, now):
                left = max(left, pool.panic.left(now))
            self._settle(pool, now)
        if left > 0:
            watch.told.keep(before, now + left)
        return left > 0

    def recover(self, watch: Watch) -> None:
        """Take that a check is healthy."""
        for pool in self._of.get(watch.entry.name, ()):
            pool.panic.recover(watch.entry.name)
        watch.told.release()

    def follow(self, watch: Watch) -> None:
        """Let a check count or not, as its maintenance begins or ends."""
        for pool in self._of.get(watch.entry.name, ()):
            (pool.panic.join if watch.told.record is None else pool.panic.leave)(watch.entry.name)
        if watch.told.record is not None:
            watch.told.release()

    def _arm(self, pool: Pool, now: float) -> None:
        pause, left = pool.panic.wakes, pool.panic.left(now)
        if pause is None:
            return
        when = now + (min(pause, left) if pool.panic.held and left > 0 else pause)
        if when < pool.armed:
            pool.armed = when
            self._driver.at(when, partial(self._look, pool, when))

    def _look(self, pool: Pool, when: float, _tick: float) -> None:
        if when != pool.armed or pool not in self._groups:
            return  # an earlier look has taken its place
        pool.armed = _NEVER
        now = monotonic()
        for name in pool.panic.look(now):
            watch = self._watches[name]
            if not any(name in other.panic.held for other in self._of[name]):
                self._driver.at(now, partial(self._tell, watch))  # thousands are told a few at a time
        self._settle(pool, now)

    def _tell(self, watch: Watch, _tick: float) -> None:
        if watch.told.kept is not None and self._watches.get(watch.entry.name) is watch:
            watch.told.release()
            self._release(watch)

    def _settle(self, pool: Pool, now: float) -> None:
        """Look at a group again, and log what has begun or ended."""
        self._arm(pool, now)
        pool.settle(self._publisher, now)

    def keep_house(self) -> None:
        """Publish the verdicts on the groups, to be called each second."""
        now = monotonic()
        for pool in self._groups:
            pool.keep(self._publisher, now)

    def leave(self) -> None:
        """Remove the verdicts on the groups, at the end."""
        for pool in self._groups:
            pool.drop(self._publisher)
