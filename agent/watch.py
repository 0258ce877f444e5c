"""What does the agent know of an entry of its configuration?"""

from __future__ import annotations

from time import monotonic
from typing import TYPE_CHECKING

from agent import value
from agent.health import Health
from agent.manifest import Guarded
from agent.published import Published
from agent.schedule import Schedule
from agent.told import Told
from vipwarden.state.paths import file_name
from vipwarden.state.standing import standing

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from agent.run import Run
    from vipwarden.config.entry import Entry
    from vipwarden.core.result import Result
    from vipwarden.state.verdict import Verdict


class Links:
    """The watches that one depends on, and those that depend on it."""

    __slots__ = ("members", "needs", "users", "waiting")

    def __init__(self) -> None:
        self.members: list[Watch] = []  # what it is composed of
        self.needs: list[Watch] = []  # what must be healthy for it to run
        self.users: list[Watch] = []  # what is composed of it
        self.waiting: list[Watch] = []  # what needs it


class Watch:
    """One entry: the verdict on it, when it runs, what its files say, and who depends on it."""

    __slots__ = (
        "blind",
        "entry",
        "health",
        "is_shared",
        "links",
        "number",
        "published",
        "result",
        "run",
        "schedule",
        "since",
        "start",
        "told",
    )

    def __init__(self, entry: Entry) -> None:
        self.entry = entry
        self.blind = False  # whether the path to the real server could not be built
        self.health = Health(entry.rise, entry.fall, entry.healthy)
        self.told = Told(entry, self.health)
        self.is_shared = False  # whether a group of the section panic has it
        self.result: Result | None = None  # the last one
        self.since = 0.0  # when the state of the verdict changed, in seconds of the epoch
        self.schedule = Schedule(entry.interval, entry.fast_interval, entry.retry)
        self.published = Published(file_name(entry.name), entry.interval, value.loss(entry.weight))
        self.links = Links()
        self.number = 0  # in the memory that the watchdog sees
        self.run: Run | None = None  # of a check; a composition has none
        self.start: Callable[[float], None] = _no_start  # what the driver calls when a run is due

    @property
    def value(self) -> int:
        """The value that the track file has to hold."""
        return self.told.value(self.result.metrics if self.result else ())

    def is_well(self, since: float, looks: memoryview[float]) -> bool:
        """Return whether a run that began at a monotonic time or later is known to have been healthy."""
        schedule, health = self.schedule, self.health
        is_settled = health.is_healthy and not health.count and not schedule.repeated and not self.blind
        return is_settled and since <= schedule.begun <= looks[self.number]

    def take_over(self, last: Verdict | None, grace: float) -> None:
        """Begin with the verdict that an earlier agent left, if that ended at most ``grace`` seconds ago."""
        if last is not None:
            self.told.remember(last, monotonic())
        # a clean end has added the grace to the TTL already
        if last is not None and last.ttl and standing(last, min(last.ttl, self.published.ttl) + grace).is_valid:
            self.health.state, self.result, self.since = last.result.state, last.result, last.since
            self.told.keep_on(last, monotonic())

    def inherit(self, old: Watch) -> None:
        """Begin with the verdict of the same name under the configuration before."""
        self.health.state, self.result, self.since = old.health.state, old.result, old.since
        self.told.inherit(old.told, monotonic())


def linked(entries: Sequence[Entry], before: dict[str, Watch]) -> dict[str, Watch]:
    """Return a watch for each entry: that of before where the entry is unchanged, else one with its verdict."""
    watches: dict[str, Watch] = {}
    for entry in entries:
        old = before.get(entry.name)
        watch = old if old is not None and old.entry == entry else Watch(entry)
        if old is not None and watch is not old:
            watch.inherit(old)
        watches[entry.name] = watch
    for watch in watches.values():
        watch.links = Links()
    for watch in watches.values():
        links = watch.links
        links.members = [watches[name] for name in watch.entry.members]
        links.needs = [watches[name] for name in watch.entry.only_if]
        for member in links.members:
            member.links.users.append(watch)
        for needed in links.needs:
            needed.links.waiting.append(watch)
    return watches


def guarded(entry: Entry) -> Guarded:
    """Return what the watchdog has to know of an entry."""
    loss = value.at_loss(entry.weight, track=entry.track, hold=entry.hold)
    return Guarded(file_name(entry.name), entry.loss_after, loss)


def _no_start(_now: float) -> None:
    """Start nothing: a composition does not run."""
