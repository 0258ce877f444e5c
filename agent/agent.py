"""How are the configured checks run again and again, and their verdicts never left standing when that ends?

From a start to keepalived: a tick starts what is due, the driver resumes it, its result settles the verdict, and the
verdict goes to its files before anything else happens. Every look at a check is stamped for the watchdog.
"""

from __future__ import annotations

import asyncio
import gc
import os
import random
from functools import partial
from time import monotonic, time
from typing import TYPE_CHECKING

from agent import locks, manifest
from agent.driver import Driver
from agent.guard import Guard
from agent.meter import Meter
from agent.publisher import WHOLE, Publisher
from agent.relief import relieve
from agent.run import Run
from agent.watch import Watch, blocked, guarded_of
from vipwarden.state import verdict

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from vipwarden.config.entry import Entry
    from vipwarden.core.result import Result

GRACE = 5.0  # seconds that a successor may take to come after a clean end
_LOCK = 3.0  # seconds to wait for the lock: an agent that dies keeps it for a moment
_SPREAD = 1.0  # seconds over which the first runs are spread
_WAIT = 0.1  # seconds until a check looks again for what it needs and what has no verdict yet
_HOUSEKEEPING = 1.0  # seconds
_YOUNG = 10_000  # objects between two looks for garbage: a run in flight has dozens, which go by themselves


class AgentError(Exception):
    """The agent cannot run; the text says why."""


class Agent:
    """Runs ``entries`` and publishes below ``runtime``; ``say`` is told what the operator should know.

    ``say`` never waits and never raises; ``unsaid`` is how many lines it had to drop.
    """

    def __init__(
        self,
        entries: Sequence[Entry],
        runtime: str,
        say: Callable[[str], None],
        grace: float = GRACE,
        unsaid: Callable[[], int] = lambda: 0,
    ) -> None:
        self.runtime = runtime
        self.grace = grace
        self.watches: dict[str, Watch] = {}
        self.meter = Meter()
        self._say = say
        self._unsaid = unsaid
        self._entries = entries
        self._publisher = Publisher(runtime, say)
        self._reloading = asyncio.Lock()
        self._owner = manifest.word()
        self._driver: Driver
        self._guard: Guard | None = None
        self._stamps: memoryview[float]
        self._failed: memoryview[int]

    async def run(self, ready: Callable[[], None] = lambda: None, beat: Callable[[], None] = lambda: None) -> None:
        """Run until it is cancelled; ``beat`` is called each second. Raises AgentError where it cannot begin."""
        self._driver = Driver(self._say)
        lock = None
        try:
            async with self._reloading:  # who is told to reload before it has begun does so afterwards
                lock = await self._locked()
                self._driver.names.remember(self.runtime)
                await self._open()
            ready()
            while True:
                beat()
                self._keep_house()
                await asyncio.sleep(_HOUSEKEEPING)
        finally:
            self._driver.close()
            guard, self._guard = self._guard, None
            if guard is not None:
                await guard.leave(self.grace)
                # nobody looks at the checks while many verdicts are written: the watchdog has to know before
                self._publisher.leave(self.watches.values(), self.grace)
            if lock is not None:
                os.close(lock)

    async def _locked(self) -> int:
        until = monotonic() + _LOCK
        try:
            self._publisher.ready()
            while (held := locks.lock(self.runtime)) is None:
                if monotonic() > until:
                    raise AgentError(f"another agent runs, which holds {self.runtime}/{locks.AGENT}")
                await asyncio.sleep(0.05)
        except OSError as error:
            raise AgentError(f"cannot use {self.runtime}: {error.strerror}") from None
        return held

    async def _open(self) -> None:
        try:
            before = {one.file for one in manifest.read(self.runtime)}
        except (OSError, ValueError) as error:
            self._say(f"the files of an earlier agent are not known: {error}")
            before = set()
        try:
            self._guard = guard = await self._guarded(self._entries)
            guard.arm()
            self._drop(before - {one.file for one in guard.guarded})
            await relieve(self.runtime, guard.pid)  # from here on nobody else writes track files
        except OSError as error:
            raise AgentError(f"no watchdog, and so no verdicts: {error.strerror or error}") from None
        watches = _linked(self._entries)
        for watch in watches.values():
            last = verdict.read(f"{self._publisher.verdicts}/{watch.file}")
            watch.take_over(last, self.grace)
        self._switch(watches, guard)

    async def reload(self, entries: Sequence[Entry]) -> None:
        """Go over to other entries; raises OSError, and then goes on as before."""
        async with self._reloading:
            if self._guard is None:
                raise OSError(0, "no agent runs")
            guard = await self._guarded(entries)
            before, self._guard = self._guard, guard
            guard.arm(before)
            self._switch(_linked(entries, self.watches), guard)
            self._drop({one.file for one in before.guarded} - {one.file for one in guard.guarded})
            await before.dismiss()
            guard.inherit(before)

    async def _guarded(self, entries: Sequence[Entry]) -> Guard:
        """Return a guard over entries that stands beside the one before, and make it known; raises OSError."""
        guarded = [guarded_of(entry) for entry in entries]
        guard = Guard(self.runtime, self._owner, guarded, self._say)
        try:
            await guard.start()
            manifest.write(self.runtime, self._owner, guarded)
        except BaseException:
            await guard.dismiss()
            raise
        return guard

    def _switch(self, watches: dict[str, Watch], guard: Guard) -> None:
        """Put other watches, and their guard, in the place of those before."""
        self._stamps, self._failed = guard.stamps, guard.failed
        before, self.watches = self.watches, watches
        for old in before.values():
            if watches.get(old.entry.name) is not old and old.run is not None:
                self._driver.abandon(old.run)
                old.run = None
        now = monotonic()
        for number, watch in enumerate(watches.values()):
            watch.number = number
            if watch.entry.track and watch.value is None:
                self._publisher.track(watch, watch.wanted)
            if before.get(watch.entry.name) is not watch and not watch.members:
                self._begin(watch, now)
        _tidy()

    def _begin(self, watch: Watch, now: float) -> None:
        entry = watch.entry
        end = partial(self._end, watch)
        watch.run = Run(self._driver, entry.name, entry.function, entry.values, entry.timeout, end)
        watch.start = partial(self._start, watch)
        watch.due = now + random.uniform(0, min(entry.interval, _SPREAD))  # noqa: S311 - no secret
        # from the second run on they are spread over the whole interval
        watch.shift = random.uniform(-entry.interval, 0)  # noqa: S311
        self._driver.at(watch.due, watch.start)

    def _start(self, watch: Watch, _now: float) -> None:
        run = watch.run
        now = monotonic()
        if run is None or run in self._driver.active or now < watch.due:
            return  # removed, begun anew, or put off
        if len(self._driver.active) >= self._driver.most:  # no descriptors: a late look is better than none
            self._driver.at(now, watch.start)
            return
        watch.begun = now
        if not watch.retried:
            self.meter.late.append(now - watch.due)
        if watch.needs:
            blocker = watch.blocker()
            if blocker is not None and blocker.health.state is None:
                watch.due = now + _WAIT
                self._driver.at(watch.due, watch.start)
                return
            if blocker is not None:
                self._settle(watch, blocked(blocker), now, asked=False)
                return
        self._driver.start(run)

    def _end(self, watch: Watch, result: Result) -> None:
        now = monotonic()
        self.meter.runs += 1
        health = watch.health
        state = result.state
        if state == health.state and not health.count and not watch.users and not self._failed[watch.number]:
            # as nearly always: nothing has changed
            watch.result = result
            watch.retried = 0
            self._stamps[watch.number] = now
            if watch.scaled or now - watch.stamped >= watch.period:
                self._hand_on(watch, result, now, state, changed=False, stamp=False)
            self._put_down(watch, watch.entry.interval, now)
            return
        if watch.entry.retry and state > health.worst and (health.is_healthy or health.state is None):
            watch.retried += 1
            if watch.retried <= watch.entry.retry:
                self._stamps[watch.number] = now
                self._driver.at(now, watch.start)
                return
        watch.retried = 0
        self._settle(watch, result, now)

    def _settle(self, watch: Watch, result: Result, now: float, *, asked: bool = True) -> None:
        """Take a result, hand the verdict on and put the next run down."""
        entry, health = watch.entry, watch.health
        before = health.state
        pending = health.count
        changed = health.settle(result.state) if asked else health.overrule(result.state)
        watch.result = result
        try:
            self._hand_on(watch, result, now, before, changed=changed, stamp=pending != health.count)
            self._tell(watch, now, changed=changed)
        finally:
            self._put_down(watch, entry.fast_interval if health.count else entry.interval, now)

    def _put_down(self, watch: Watch, interval: float, now: float) -> None:
        """Put the next run down, an interval after the last one was due."""
        watch.due += interval + watch.shift
        watch.shift = 0.0
        if watch.due < now:  # what was missed is not made up for
            watch.due += interval * ((now - watch.due) // interval + 1)
        if watch.run is not None:
            self._driver.at(watch.due, watch.start)

    def _hand_on(self, watch: Watch, result: Result, now: float, before: object, *, changed: bool, stamp: bool) -> None:
        number = watch.number
        self._stamps[number] = now
        if self._failed[number]:  # the watchdog was here
            self._failed[number] = 0
            watch.value = None
        entry = watch.entry
        if entry.track:
            wanted = watch.wanted
            if wanted != watch.value:
                self._publisher.track(watch, wanted)
        if changed:
            watch.since = time()
        if now - watch.stamped >= watch.period or changed or stamp:
            publisher = self._publisher
            if changed or stamp or now - watch.written >= WHOLE or not publisher.stamp(watch, now):
                publisher.publish(watch, result, now - watch.begun, now)
        if changed:
            self._publisher.tell(watch, before, result.text)

    def _compose(self, watch: Watch, now: float, *, changed: bool) -> None:
        """Look at what is composed of others, when one of them has changed or its own verdict grows old."""
        if not changed and now - watch.stamped < watch.period and not self._failed[watch.number]:
            self._stamps[watch.number] = now
            return
        watch.begun = now
        result = watch.compose()
        if result is None:
            self._stamps[watch.number] = now
            return
        before = watch.health.state
        changed = watch.health.overrule(result.state)
        watch.result = result
        self._hand_on(watch, result, now, before, changed=changed, stamp=True)
        self._tell(watch, now, changed=changed)

    def _tell(self, watch: Watch, now: float, *, changed: bool) -> None:
        """Let what is composed of a watch see it, and let what needs it run as soon as it is healthy."""
        for user in watch.users:
            self._compose(user, now, changed=changed)
        if changed and watch.health.is_healthy:
            for waiting in watch.waiting:
                waiting.due = now
                self._driver.at(now, waiting.start)

    def _drop(self, files: set[str]) -> None:
        """Remove the files of checks that are no longer configured."""
        for file in files:
            self._publisher.remove(self._publisher.tracks, file)
            self._publisher.remove(self._publisher.verdicts, file)

    def _keep_house(self) -> None:
        self._publisher.look_after(self.watches.values())
        self._driver.names.save()
        trouble = self._guard.inspect() if self._guard is not None else ""
        self.meter.publish(self._publisher.verdicts, self.watches.values(), self._driver, self._unsaid(), trouble)


def _tidy() -> None:
    """Let go of what was configured before, and spare the garbage collector what is configured now."""
    gc.unfreeze()
    gc.collect()
    gc.freeze()
    gc.set_threshold(_YOUNG)


def _linked(entries: Sequence[Entry], before: dict[str, Watch] | None = None) -> dict[str, Watch]:
    """Return a watch for each entry: the one of before where it is unchanged, else with the verdict of before."""
    watches: dict[str, Watch] = {}
    for entry in entries:
        old = (before or {}).get(entry.name)
        watch = old if old is not None and old.entry == entry else Watch(entry)
        if old is not None and watch is not old:
            watch.inherit(old)
        watches[entry.name] = watch
    for watch in watches.values():
        watch.users, watch.waiting = [], []
    for watch in watches.values():
        watch.members = [watches[name] for name in watch.entry.members]
        watch.needs = [watches[name] for name in watch.entry.only_if]
        for member in watch.members:
            member.users.append(watch)
        for needed in watch.needs:
            needed.waiting.append(watch)
    return watches
