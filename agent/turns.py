"""What happens when a check is due: its run, its result, the verdict, and the checks that depend on it?"""

from __future__ import annotations

import random
from functools import partial
from time import monotonic, time
from typing import TYPE_CHECKING

from agent.compose import blocked, blocker, composed
from agent.groups import Groups
from agent.published import NOTHING, STAMP
from agent.run import Run
from vipwarden.core.result import Result

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from agent.compose import Member
    from agent.driver import Driver
    from agent.meter import Meter
    from agent.publisher import Publisher
    from agent.watch import Watch
    from vipwarden.core.result import Metric, State
    from vipwarden.state.maintenance import Maintenance


class Turns:
    """Starts what is due and hands results on; each look at a check is stamped in the memory of the watchdog."""

    def __init__(self, driver: Driver, publisher: Publisher, meter: Meter) -> None:
        self._driver = driver
        self._publisher = publisher
        self._meter = meter
        self._looks: memoryview[float]
        self._failed: memoryview[int]
        self.groups = Groups(driver, publisher, lambda: self._looks, self._fall)

    def guard(self, looks: memoryview[float], failed: memoryview[int]) -> None:
        """Stamp looks into this memory from now on; ``failed`` marks the checks that the watchdog has failed."""
        self._looks, self._failed = looks, failed

    def begin(self, watch: Watch, now: float) -> None:
        """Run a check from now on."""
        entry = watch.entry
        end, event = partial(self._end, watch), partial(self._event, watch)
        watch.run = Run(self._driver, entry.name, entry.function, entry.values, entry.timeout, end, event)
        watch.start = partial(self._start, watch)
        self._driver.at(watch.schedule.first(now, random.random(), random.random()), watch.start)  # noqa: S311

    def stop(self, watch: Watch) -> None:
        """Run a check no longer."""
        if watch.run is not None:
            self._driver.abandon(watch.run)
            watch.run = None

    def follow(self, watch: Watch, record: Maintenance | None, now: float) -> bool:
        """Let a maintenance begin or end, for keepalived and readers of the verdict; return whether it does.

        What is composed of the check has to be looked at afterwards, by compose().
        """
        if not watch.told.follow(record):
            return False
        if watch.is_shared:
            self.groups.follow(watch)
        self._tell(watch, now)
        return True

    def _fall(self, watch: Watch) -> None:
        """Tell a failure that was held back."""
        now = monotonic()
        self._flap(watch, now)
        self._tell(watch, now)
        for user in watch.links.users:
            self.compose(user, now, changed=True)

    def _tell(self, watch: Watch, now: float) -> None:
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
        self._tell(watch, now)
        for user in watch.links.users:
            self.compose(user, now, changed=True)

    def _start(self, watch: Watch, _tick: float) -> None:
        run, schedule, driver = watch.run, watch.schedule, self._driver
        now = monotonic()
        if run is None or run in driver.active or now < schedule.due:
            return  # stopped, begun anew, or put off
        if len(driver.active) >= driver.most:  # no descriptors: a late look is better than none
            driver.at(now, watch.start)
            return
        late = schedule.begin(now)
        if not schedule.repeated:
            self._meter.late.append(late)
        if watch.links.needs and (by := blocker(_verdicts(watch.links.needs))) is not None:
            if by[1].state is None:
                driver.at(schedule.postpone(now), watch.start)
            else:
                self._settle(watch, blocked(by), now, by_rule=True)
            return
        driver.start(run)

    def _event(self, watch: Watch) -> None:
        """Run a check at once, as something has changed that its last result depends on.

        Not while its verdict is about to change: the runs that confirm it keep their distance.
        """
        run, schedule = watch.run, watch.schedule
        if run is None or watch.health.count:
            return
        if schedule.event(monotonic(), running=run in self._driver.active):
            self._driver.at(schedule.due, watch.start)

    def _end(self, watch: Watch, result: Result) -> None:
        now = monotonic()
        self._meter.runs += 1
        health, state, entry = watch.health, result.state, watch.entry
        run = watch.run
        if run is not None and (run.no_path or run.used is not None) and self._held(watch, run, result, now):
            return
        if state == health.state and not health.count and not watch.links.users and not self._failed[watch.number]:
            # as nearly always: nothing has changed
            watch.result = result
            self._looks[watch.number] = now
            published, weight = watch.published, entry.weight
            if now - published.stamped >= published.period or (weight is not None and weight.metric):
                self._hand_on(watch, result, now, state)
            self._driver.at(watch.schedule.next(now), watch.start)
        elif entry.retry and health.is_failure(state) and watch.schedule.repeat():
            self._looks[watch.number] = now
            self._driver.at(now, watch.start)
        else:
            self._settle(watch, result, now)

    def _held(self, watch: Watch, run: Run, result: Result, now: float) -> bool:
        """Keep the verdict where no server was asked: the path to it could not be built, or broke meanwhile."""
        health, state = watch.health, watch.health.state
        blind = run.no_path
        if not blind and run.used is not None and health.is_failure(result.state):
            path, vip = run.used
            blind = path.trouble(vip, failed=True) is not None
        changed, watch.blind = blind is not watch.blind, blind
        if not blind or state is None or not watch.entry.via_hold:
            return False
        kept = Result(state, f"as before, as nobody could be asked: {result.text}", _metrics(watch))
        watch.result = kept
        if changed:
            self._publisher.note(watch, kept.text)
        try:
            self._hand_on(watch, kept, now, state, stamp=changed)
            self._pass_on(watch, now, changed=False)
        finally:
            self._driver.at(watch.schedule.next(now), watch.start)
        return True

    def _settle(self, watch: Watch, result: Result, now: float, *, by_rule: bool = False) -> None:
        """Take a result, hand the verdict on and put the next run down."""
        health = watch.health
        before, pending = health.state, health.count
        (health.overrule if by_rule else health.settle)(result.state)
        watch.result = result
        try:
            news = pending != health.count and self._publisher.is_news(now)
            self._hand_on(watch, result, now, before, stamp=news)
            self._pass_on(watch, now, changed=before != health.state)
        finally:
            self._driver.at(watch.schedule.next(now, fast=health.count > 0), watch.start)

    def _hand_on(self, watch: Watch, result: Result, now: float, before: State | None, *, stamp: bool = False) -> None:
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

    def _pass_on(self, watch: Watch, now: float, *, changed: bool) -> None:
        """Let compositions of a watch see it, and let what needs it run as soon as it is healthy."""
        for user in watch.links.users:
            self.compose(user, now, changed=changed)
        if changed and watch.health.is_healthy:
            for waiting in watch.links.waiting:
                self._driver.at(waiting.schedule.hurry(now), waiting.start)

    def compose(self, watch: Watch, now: float, *, changed: bool) -> None:
        """Look at a composition, when a member has changed or its own verdict grows old."""
        published, health, number = watch.published, watch.health, watch.number
        if not changed and now - published.stamped < published.period and not self._failed[number]:
            self._looks[number] = now
            return
        watch.schedule.begin(now)
        members = ((member.entry.name, member.told.verdict) for member in watch.links.members)
        result = composed(members, watch.entry.needed, health.worst)
        if result is None:
            self._looks[number] = now
            return
        before = health.state
        changed = health.overrule(result.state)
        watch.result = result
        self._hand_on(watch, result, now, before, stamp=True)
        self._pass_on(watch, now, changed=changed)


def _metrics(watch: Watch) -> Sequence[Metric]:
    return watch.result.metrics if watch.result is not None else ()


def _verdicts(watches: Sequence[Watch]) -> Iterator[Member]:
    return ((watch.entry.name, watch.health) for watch in watches)
