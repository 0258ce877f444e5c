"""What happens when a check is due: its run, its verdict, and the checks that depend on it?"""

from __future__ import annotations

import random
from functools import partial
from time import monotonic
from typing import TYPE_CHECKING

from agent.compose import blocked, blocker, composed
from agent.run import Run
from agent.telling import Telling
from vipwarden.core.result import Result

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from agent.compose import Member
    from agent.driver import Driver
    from agent.meter import Meter
    from agent.publisher import Publisher
    from agent.watch import Watch
    from vipwarden.core.result import Metric


class Turns:
    """Starts what is due and takes results; each look at a check is stamped in the memory of the watchdog."""

    def __init__(self, driver: Driver, publisher: Publisher, meter: Meter) -> None:
        self._driver = driver
        self._publisher = publisher
        self._meter = meter
        self._looks: memoryview[float]
        self._failed: memoryview[int]
        self.telling = Telling(driver, publisher, self._compose_users)

    def guard(self, looks: memoryview[float], failed: memoryview[int]) -> None:
        """Stamp looks into this memory from now on; ``failed`` marks the checks that the watchdog has failed."""
        self._looks, self._failed = looks, failed
        self.telling.guard(looks, failed)

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
                self.telling.hand_on(watch, result, now, state)
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
            self.telling.hand_on(watch, kept, now, state, stamp=changed)
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
            self.telling.hand_on(watch, result, now, before, stamp=news)
            self._pass_on(watch, now, changed=before != health.state)
        finally:
            self._driver.at(watch.schedule.next(now, fast=health.count > 0), watch.start)

    def _pass_on(self, watch: Watch, now: float, *, changed: bool) -> None:
        """Let compositions of a watch see it, and let what needs it run as soon as it is healthy."""
        self._compose_users(watch, now, changed=changed)
        if changed and watch.health.is_healthy:
            for waiting in watch.links.waiting:
                self._driver.at(waiting.schedule.hurry(now), waiting.start)

    def _compose_users(self, watch: Watch, now: float, *, changed: bool = True) -> None:
        for user in watch.links.users:
            self.compose(user, now, changed=changed)

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
        self.telling.hand_on(watch, result, now, before, stamp=True)
        self._pass_on(watch, now, changed=changed)


def _metrics(watch: Watch) -> Sequence[Metric]:
    return watch.result.metrics if watch.result is not None else ()


def _verdicts(watches: Sequence[Watch]) -> Iterator[Member]:
    return ((watch.entry.name, watch.health) for watch in watches)
