"""What does the agent know of one entry of its configuration?"""

from __future__ import annotations

from typing import TYPE_CHECKING

from agent import manifest, publisher, trackfile
from agent.health import Health
from vipwarden.core.result import UNKNOWN, Result, State
from vipwarden.state.verdict import file_name

if TYPE_CHECKING:
    from collections.abc import Callable

    from agent.run import Run
    from vipwarden.config.entry import Entry
    from vipwarden.state.verdict import Verdict


class Watch:
    """One entry: its verdict so far, its run, and what depends on it."""

    __slots__ = (
        "begun", "due", "entry", "file", "health", "loss", "members", "needs", "number", "period", "promise",
        "result", "retried", "run", "scaled", "shift", "since", "stamped", "start", "told", "users", "value", "waiting",
        "width", "written",
    )  # fmt: skip

    def __init__(self, entry: Entry) -> None:
        self.entry = entry
        self.file = file_name(entry.name)
        self.health = Health(entry.rise, entry.fall, entry.healthy)
        self.loss = _loss(entry)
        self.period = publisher.period(entry.interval)
        self.scaled = entry.weight is not None and bool(entry.weight.metric)
        self.promise = publisher.promise(entry.interval)
        self.run: Run | None = None  # of a check; what is composed has none
        self.members: list[Watch] = []  # what it is composed of
        self.needs: list[Watch] = []  # what must be healthy for it to be asked
        self.users: list[Watch] = []  # what is composed of it
        self.waiting: list[Watch] = []  # what needs it
        self.result: Result | None = None  # the last one
        self.number = 0  # to the guard
        self.due = self.begun = 0.0  # when it is to begin, and when it began last
        self.shift = 0.0  # of the next due time, once
        self.start: Callable[[float], None] = _no_start
        self.stamped = self.written = float("-inf")  # when its verdict was stamped last, and written as a whole
        self.width = 0  # of the stamp in it
        self.told: State | None = None  # the state in it
        self.since = 0.0
        self.retried = 0
        self.value: int | None = None  # in the track file, as far as is known

    @property
    def wanted(self) -> int:
        """The value for the track file."""
        state, weight = self.health.state, self.entry.weight
        if state is None:
            return self.loss
        if weight is None:
            return trackfile.SWITCH_ON if self.health.is_healthy else trackfile.SWITCH_OFF
        return weight.value(state, self.health.is_healthy, self.result.metrics if self.result else ())

    def take_over(self, last: Verdict | None, grace: float) -> None:
        """Begin with the verdict that an agent before this one left, if it still speaks."""
        if last is not None and last.promise and last.is_fresh(last.promise + grace):
            self.health.state = last.result.state
            self.result = last.result
            self.since = last.since

    def inherit(self, old: Watch) -> None:
        """Begin with the verdict of the same name before the configuration changed."""
        self.health.state = old.health.state
        self.result = old.result
        self.since = old.since

    def blocker(self) -> Watch | None:
        """Return what this check waits for: a check that it needs and that is not healthy."""
        return next((watch for watch in self.needs if not watch.health.is_healthy), None)

    def compose(self) -> Result | None:
        """Return the result that the members make, or None as long as it is open: that of the worst one needed."""
        members = sorted(self.members, key=_rank)
        last = members[self.entry.needed - 1]
        if not last.health.is_healthy and any(member.health.state is None for member in members):
            return None
        sick = [member for member in members if not member.health.is_healthy]
        text = f"{len(members) - len(sick)} of {len(members)} healthy, {self.entry.needed} needed"
        if sick:
            named = ", ".join(f"{member.entry.name} is {_state(member)}" for member in sick[:5])
            text += f": {named}{', ...' if len(sick) > 5 else ''}"
        state = _state(last)
        if not last.health.is_healthy and state <= self.health.worst:
            state = State.CRITICAL
        return Result(state, text)


def guarded_of(entry: Entry) -> manifest.Guarded:
    """Return what the watchdog has to know of an entry."""
    loss = manifest.HOLD if entry.hold else str(_loss(entry))
    return manifest.Guarded(file_name(entry.name), entry.loss_after, loss if entry.track else manifest.NONE)


def _loss(entry: Entry) -> int:
    return entry.weight.loss if entry.weight else trackfile.SWITCH_OFF


def _no_start(_now: float) -> None:
    """Start nothing: what is composed does not run."""


def _state(watch: Watch) -> State:
    return watch.health.state if watch.health.state is not None else UNKNOWN


def _rank(watch: Watch) -> tuple[bool, State]:
    return not watch.health.is_healthy, _state(watch)


def blocked(by: Watch) -> Result:
    """Return the result of a check that was not asked."""
    return Result(UNKNOWN, f"not asked: only_if {by.entry.name}, which is {_state(by)}")
