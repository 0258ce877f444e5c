"""How does the agent start, reload and stop, without leaving a healthy verdict behind?"""

from __future__ import annotations

import asyncio
import os
from time import monotonic
from typing import TYPE_CHECKING

from agent import locks, manifest
from agent.driver import Driver
from agent.guard import Guard
from agent.listening import Listening
from agent.maintained import Maintained
from agent.meter import Meter
from agent.paths import AgentPaths
from agent.publisher import Publisher
from agent.record import Record
from agent.relief import relieve
from agent.turns import Turns
from agent.watch import guarded
from agent.watches import Watches
from vipwarden.node.ipvs.paths import MARKS
from vipwarden.state import paths

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from agent.asked import Ask
    from agent.door import Door, Doors
    from vipwarden.config.entry import Entry
    from vipwarden.config.panic import Group
    from vipwarden.core.listen import Network
    from vipwarden.node.ipvs.paths import Marks

_LOCK = 3.0  # seconds to wait for the lock: an agent that dies keeps it for a moment
_HOUSEKEEPING = 1.0  # seconds


class AgentError(Exception):
    """The agent cannot run; the text says why."""


class Agent:
    """Runs ``entries`` and publishes below ``runtime``.

    ``say`` takes lines for the operator, never waits and never raises; ``unsaid`` counts those that it had to drop.
    ``grace`` is for how many seconds verdicts stay valid after a clean end; ``marks`` are for the paths of checks with
    via; ``panics`` are groups of checks, ``asks`` ask the peers for theirs. It listens at ``doors`` for clients of
    ``allow``, by default of loopback.
    """

    def __init__(
        self,
        entries: Sequence[Entry],
        runtime: str,
        say: Callable[[str], None],
        grace: float,
        unsaid: Callable[[], int] = lambda: 0,
        marks: Marks = MARKS,
        panics: Sequence[Group] = (),
        asks: Sequence[Ask] = (),
        doors: Sequence[Door] = (),
        allow: Sequence[Network] = (),
    ) -> None:
        self.runtime = runtime
        self.grace = grace
        self.paths = AgentPaths(marks, say)
        self._say = say
        self._unsaid = unsaid
        self._entries, self._panics, self._asks = entries, panics, asks
        self._record = Record(runtime, _HOUSEKEEPING)
        self._publisher = Publisher(runtime, say, self._record.event)
        self._meter = Meter()
        self._owner = manifest.word()
        self._wanted = doors, allow
        self._guard: Guard | None = None

    async def run(self, ready: Callable[[], None] = lambda: None) -> None:
        """Run until it is cancelled; ``ready`` is called once. Raises AgentError where it cannot begin."""
        self._driver = Driver(self._say)
        self._driver.paths = self.paths
        self._driver.events.report(self._record.ended)
        self._turns = Turns(self._driver, self._publisher, self._meter)
        self._maintained = Maintained(self._driver.away, self._say, self._record.event)
        self.watches = Watches(self._turns, self._publisher, self._maintained)
        self._listening = Listening(self.runtime, self._driver, self.watches.spoken, self._say)
        lock = None
        try:
            lock = await self._lock()
            self._driver.names.remember(self.runtime)
            self.paths.begin(self._entries)
            await self._maintained.begin()
            await self._open()
            self._record.event("agent", "agent", state="start", text=f"{len(self.watches)} checks")
            ready()
            while True:
                self._keep_house()
                if self._maintained.look():
                    await self.watches.follow()
                await asyncio.sleep(_HOUSEKEEPING)
        finally:
            self._listening.leave()
            self._driver.close()
            self.paths.close()
            guard, self._guard = self._guard, None
            if guard is not None:
                self._turns.telling.groups.leave()
                self._record.event("agent", "agent", state="stop")
                self._record.flush()
                await guard.leave(self.grace)
                # nobody looks at the checks while many verdicts are written: the watchdog has to know before
                self._publisher.leave(self.watches.published(), self.grace)
            self._listening.close()
            if lock is not None:
                os.close(lock)

    async def _lock(self) -> int:
        until = monotonic() + _LOCK
        try:
            self._publisher.ready()
            while (lock := locks.lock(self.runtime)) is None:
                if monotonic() > until:
                    raise AgentError(f"another agent runs, which holds {paths.agent('lock', self.runtime)}")
                await asyncio.sleep(0.05)
        except OSError as error:
            raise AgentError(f"cannot use {self.runtime}: {error.strerror}") from None
        return lock

    async def _open(self) -> None:
        try:
            before = {check.file for check in manifest.read(self.runtime)}
        except (OSError, ValueError) as error:
            self._say(f"the files of an earlier agent are not known: {error}")
            before = set()
        try:
            self._listening.bind(*self._wanted, shared=bool(locks.watchdogs(self.runtime)))
        except OSError as error:
            raise AgentError(error.strerror or str(error)) from None
        try:
            self._guard = guard = await self._guarded(self._entries, self._listening.doors)
            guard.arm()
            self.watches.drop(before - {check.file for check in guard.guarded})
            await relieve(self.runtime, guard.pid)  # from here on nobody else writes track files
        except OSError as error:
            raise AgentError(f"no watchdog, and so no verdicts: {error.strerror or error}") from None
        self.watches.begin(self._entries, guard, self._panics, self._asks, self.grace)
        self._listening.open(self._listening.doors)

    async def reload(
        self,
        entries: Sequence[Entry],
        panics: Sequence[Group] = (),
        asks: Sequence[Ask] = (),
        doors: Sequence[Door] = (),
        allow: Sequence[Network] = (),
    ) -> None:
        """Go over to other entries, groups and doors; raises OSError, and then goes on as before."""
        before = self._guard
        if before is None:
            raise OSError(0, "no agent runs")
        moved = self._listening.doors.moved(doors, allow)
        try:
            guard = await self._guarded(entries, moved)
        except BaseException:
            moved.close(self._listening.doors)
            raise
        self._guard = guard
        guard.arm(before)
        self.watches.go_over(entries, guard, panics, asks)
        self._listening.open(moved)
        self.watches.drop({check.file for check in before.guarded} - {check.file for check in guard.guarded})
        await before.dismiss()
        guard.inherit(before)
        self._record.event("agent", "agent", state="reload", text=f"{len(self.watches)} checks")

    async def _guarded(self, entries: Sequence[Entry], doors: Doors) -> Guard:
        """Return a guard over entries that stands beside the one before, and make it known; raises OSError."""
        checks = [guarded(entry) for entry in entries]
        guard = Guard(self.runtime, self._owner, checks, self._say, doors.posts(entries), doors.allow)
        try:
            await guard.start()
            manifest.write(self.runtime, self._owner, checks)
        except BaseException:
            await guard.dismiss()
            raise
        return guard

    def _keep_house(self) -> None:
        self._record.look()
        self._publisher.look_after(self.watches.published())
        self._turns.telling.groups.keep_house()
        self._driver.names.save()
        self.paths.forget()
        trouble = self._guard.inspect() if self._guard is not None else ""
        self._meter.answers = self._listening.answered
        self._meter.publish(
            self._publisher.verdicts, self.watches.by_name.values(), self._driver, self._unsaid(), trouble
        )
