"""How does the agent start, reload and stop, without leaving a healthy verdict behind?"""

from __future__ import annotations

import asyncio
import gc
import os
from time import monotonic
from typing import TYPE_CHECKING

from agent import locks, manifest
from agent.agent_check import AgentCheck
from agent.clients import Clients
from agent.door import AGENT_CHECK, HTTP, Doors
from agent.driver import Driver
from agent.guard import Guard
from agent.http import Http
from agent.maintained import Maintained
from agent.meter import Meter
from agent.owed import Owed
from agent.paths import AgentPaths
from agent.publisher import Publisher
from agent.record import Record
from agent.relief import relieve
from agent.spoken import Spoken
from agent.turns import Turns
from agent.watch import Watch, guarded, linked
from vipwarden.node.ipvs.paths import MARKS
from vipwarden.state import paths, publish, verdict

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Sequence

    from agent.asked import Ask
    from agent.client import Answer
    from agent.door import Door
    from agent.published import Published
    from vipwarden.config.entry import Entry
    from vipwarden.config.panic import Group
    from vipwarden.core.listen import Network
    from vipwarden.node.ipvs.paths import Marks

_LOCK = 3.0  # seconds to wait for the lock: an agent that dies keeps it for a moment
_HOUSEKEEPING = 1.0  # seconds
_AT_ONCE = 50  # checks that are told of a maintenance, before others have their turn
_MOST_CLIENTS = 512
_YOUNG = 10_000  # objects between two garbage collections: a run in flight has dozens, which are freed by themselves


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
        self.watches: dict[str, Watch] = {}
        self.paths = AgentPaths(marks, say)
        self._say = say
        self._unsaid = unsaid
        self._entries = entries
        self._panics = panics
        self._asks = asks
        self._record = Record(runtime, _HOUSEKEEPING)
        self._publisher = Publisher(runtime, say, self._record.event)
        self._meter = Meter()
        self._owner = manifest.word()
        self._wanted = doors, allow
        self._doors = Doors()
        self._clients: Clients
        self._driver: Driver
        self._turns: Turns
        self._maintained: Maintained
        self._guard: Guard | None = None

    async def run(self, ready: Callable[[], None] = lambda: None) -> None:
        """Run until it is cancelled; ``ready`` is called once. Raises AgentError where it cannot begin."""
        self._driver = Driver(self._say)
        self._driver.paths = self.paths
        self._driver.events.report(self._record.ended)
        self._turns = Turns(self._driver, self._publisher, self._meter)
        self._maintained = Maintained(self._driver.away, self._say, self._record.event)
        owed = Owed(paths.haproxy(self.runtime), self._driver.away, self._say)
        answers: dict[str, Answer] = {AGENT_CHECK: AgentCheck(self._spoken, owed), HTTP: Http(self._spoken)}
        most = min(_MOST_CLIENTS, self._driver.most // 8)
        self._driver.most -= most
        self._clients = Clients(asyncio.get_running_loop(), most, answers, self._say)
        lock = None
        try:
            lock = await self._lock()
            owed.read()
            self._driver.names.remember(self.runtime)
            self.paths.begin(self._entries)
            await self._maintained.begin()
            await self._open()
            self._record.event("agent", "agent", state="start", text=f"{len(self.watches)} checks")
            ready()
            while True:
                self._keep_house()
                if self._maintained.look():
                    await self._follow()
                await asyncio.sleep(_HOUSEKEEPING)
        finally:
            self._clients.close()
            self._driver.close()
            self.paths.close()
            guard, self._guard = self._guard, None
            if guard is not None:
                self._turns.groups.leave()
                self._record.event("agent", "agent", state="stop")
                self._record.flush()
                await guard.leave(self.grace)
                # nobody looks at the checks while many verdicts are written: the watchdog has to know before
                self._publisher.leave(self._published(), self.grace)
            self._doors.close()
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
            self._doors = self._doors.moved(*self._wanted, shared=bool(locks.watchdogs(self.runtime)))
        except OSError as error:
            raise AgentError(error.strerror or str(error)) from None
        try:
            self._guard = guard = await self._guarded(self._entries, self._doors)
            guard.arm()
            self._drop(before - {check.file for check in guard.guarded})
            await relieve(self.runtime, guard.pid)  # from here on nobody else writes track files
        except OSError as error:
            raise AgentError(f"no watchdog, and so no verdicts: {error.strerror or error}") from None
        watches = linked(self._entries, {})
        for watch in watches.values():
            watch.take_over(verdict.read(f"{self._publisher.verdicts}/{watch.published.file}"), self.grace)
        publish.sweep(self._publisher.verdicts)
        self._turns.groups.begin()
        self._switch(watches, guard)
        self._clients.open(self._doors)

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
        moved = self._doors.moved(doors, allow)
        try:
            guard = await self._guarded(entries, moved)
        except BaseException:
            moved.close(self._doors)
            raise
        self._guard = guard
        guard.arm(before)
        self._panics, self._asks = panics, asks
        self._switch(linked(entries, self.watches), guard)
        self._clients.open(moved)
        self._doors.close(moved)
        self._doors = moved
        self._drop({check.file for check in before.guarded} - {check.file for check in guard.guarded})
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

    def _switch(self, watches: dict[str, Watch], guard: Guard) -> None:
        """Put other watches, and their guard, in the place of those before."""
        self._turns.guard(guard.looks, guard.failed)
        before, self.watches = self.watches, watches
        for name, old in before.items():
            if watches.get(name) is not old:
                self._turns.stop(old)
        now = monotonic()
        for number, watch in enumerate(watches.values()):
            watch.number = number
            watch.told.follow(self._maintained.of(watch.entry))
        self._turns.groups.asked.go_over(self._asks)
        self._turns.groups.arrange(self._panics, watches, now)
        for name, watch in watches.items():
            if watch.entry.track and watch.published.value is None:
                self._publisher.track(watch.published, watch.value)
            if before.get(name) is not watch and not watch.links.members:
                self._turns.begin(watch, now)
                self._turns.dampen(watch)
        _tidy()

    def _drop(self, files: Iterable[str]) -> None:
        """Remove the files of checks that are no longer configured."""
        for file in files:
            self._publisher.remove(self._publisher.tracks, file)
            self._publisher.remove(self._publisher.verdicts, file)

    def _keep_house(self) -> None:
        self._record.look()
        self._publisher.look_after(self._published())
        self._turns.groups.keep_house()
        self._driver.names.save()
        self.paths.forget()
        trouble = self._guard.inspect() if self._guard is not None else ""
        self._meter.answers = self._clients.answered
        self._meter.publish(self._publisher.verdicts, self.watches.values(), self._driver, self._unsaid(), trouble)

    async def _follow(self) -> None:
        """Let maintenance begin or end, a few checks at a time: the others go on meanwhile."""
        users: dict[str, Watch] = {}
        for number, (name, watch) in enumerate([*self.watches.items()]):
            if self.watches.get(name) is watch and self._turns.follow(
                watch, self._maintained.of(watch.entry), monotonic()
            ):
                users |= {user.entry.name: user for user in watch.links.users}
            if number % _AT_ONCE == _AT_ONCE - 1:
                await asyncio.sleep(0)
        for name, user in users.items():
            if self.watches.get(name) is user:
                self._turns.compose(user, monotonic(), changed=True)

    def _spoken(self, name: str) -> tuple[Watch, Spoken] | None:
        """Return a check by its name, with what is said of it now."""
        watch, guard = self.watches.get(name), self._guard
        if watch is None or guard is None:
            return None
        return watch, Spoken(watch, guard.looks[watch.number], monotonic())

    def _published(self) -> Iterator[Published]:
        return (watch.published for watch in self.watches.values())


def _tidy() -> None:
    """Free what was configured before, and spare the garbage collector what is configured now."""
    gc.unfreeze()
    gc.collect()
    gc.freeze()
    gc.set_threshold(_YOUNG)
