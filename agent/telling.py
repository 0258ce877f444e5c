"""What is told of a check when its verdict or its maintenance changes: in files, in the log, or not yet?"""

from __future__ import annotations

from functools import partial
from time import monotonic, time
from typing import TYPE_CHECKING

from agent.groups import Groups
from agent.published import NOTHING, STAMP

if TYPE_CHECKING:
    from collections.abc import Callable

    from agent.driver import Driver
    from agent.publisher import Publisher
    from agent.watch import Watch
    from vipwarden.core.result import Result, State
    from vipwarden.state.maintenance import Maintenance


class Telling:
    """Hands results on; ``compose`` looks at what is composed of a check when other things are told of it now."""

    def __init__(self, driver: Driver, publisher: Publisher, compose: Callable[[Watch, float], None]) -> None:
        self._driver = driver
        self._publisher = publisher
        self._compose = compose
        self._looks: memoryview[float]
        self._failed: memoryview[int]
        self.groups = Groups(driver, publisher, lambda: self._looks, self._fall)

    def guard(self, looks: memoryview[float], failed: memoryview[int]) -> None:
        """Stamp looks into this memory from now on; ``failed`` marks the checks that the watchdog has failed."""
        self._looks, self._failed = looks, failed

    def follow(self, watch: Watch, record: Maintenance | None, now: float) -> bool:
        """Let a maintenance begin or end, for keepalived and readers of the verdict; return whether it does.

        What is composed of the check has to be looked at afterwards.
        """
        if not watch.told.follow(record):
            return False
        if watch.is_shared:
            self.groups.follow(watch)
        self._write(watch, now)
        return True

    def _fall(self, watch: Watch) -> None:
        """Tell a failure that was held back."""
        now = monotonic()
        self._flap(watch, now)
        self._write(watch, now)
        self._compose(watch, now)

    def _write(self, watch: Watch, now: float) -> None:
        """Bring the files of a check up to date without a run of it, as something else is told now."""
        published = watch.published
        if watch.entry.track and watch.value != published.value and not self._failed[watch.number]:
            self._publisher.track(published, watch.value)
        if watch.result is not None:
            self._publisher.publish(watch, watch.result, now, again=True)

    def dampen(self, watch: Watch) -> None:
        """Believe a check again that is held down, when its penalty has decayed."""
        damper = watch.told.damper
        if damper is not None and damper.is_suppressed:
            now = monotonic()
            self._driver.at(now + damper.left(now), partial(self._believe, watch))

    def _believe(self, watch: Watch, _tick: float) -> None:
        damper, now = watch.told.damper, monotonic()
        if damper is None or watch.run is None or not damper.is_suppressed:
            return  # or stopped
        if damper.look(now):  # it has flapped meanwhile
            self.dampen(watch)
            return
        self._shout(watch, "believed", "believed again: it has flapped no more", is_good=True)
        self._write(watch, now)
        self._compose(watch, now)

    def hand_on(self, watch: Watch, result: Result, now: float, before: State | None, *, stamp: bool = False) -> None:
        """Bring files and log up to date: the track file first, the verdict file where it has to be written."""
        number, published = watch.number, watch.published
        self._looks[number] = now
        changed = before != watch.health.state
        if changed:
            self._consider(watch, before, now)
        if self._failed[number]:  # the watchdog has overwritten the track file
            self._failed[number] = 0
            published.value = None
        if watch.entry.track:
            value = watch.value
            if value != published.value:
                self._publisher.track(published, value)
        if changed:
            watch.since = time()
        wanted = published.wants(now, changed=changed or stamp)
        if wanted != NOTHING and not (wanted == STAMP and self._publisher.stamp(published, now)):
            self._publisher.publish(watch, result, now)
        if changed:
            self._publisher.log(watch, before, result.text)

    def _consider(self, watch: Watch, before: State | None, now: float) -> None:
        """Decide what is told of a verdict that has changed."""
        health = watch.health
        was_healthy = before is not None and before <= health.worst
        if before is None or was_healthy is health.is_healthy:
            return
        if health.is_healthy:
            if watch.is_shared:
                self.groups.recover(watch)
        elif not (watch.is_shared and not watch.told.is_dampened and self.groups.fail(watch, before, now)):
            self._flap(watch, now)

    def _flap(self, watch: Watch, now: float) -> None:
        if watch.told.flap(now):
            self._shout(watch, "held down", watch.told.why(now), is_good=False)
            self.dampen(watch)

    def _shout(self, watch: Watch, state: str, text: str, *, is_good: bool) -> None:
        entry = watch.entry
        self._publisher.shout("dampening", entry.name, state, text, is_good=is_good, syslog=entry.syslog)
