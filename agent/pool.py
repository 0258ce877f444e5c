"""What is said of a group of checks and its panic: in its verdict, in the log and to the recorder?"""

from __future__ import annotations

from time import time
from typing import TYPE_CHECKING

from vipwarden.config.panic import TITLE
from vipwarden.core.result import CRITICAL, OK, WARNING, Metric, Result
from vipwarden.state import files, paths
from vipwarden.state.verdict import encode

if TYPE_CHECKING:
    from agent.panic import Panic
    from agent.publisher import Publisher
    from agent.shared import Shared
    from vipwarden.config.panic import Group
    from vipwarden.core.result import State

_TTL = 5.0  # seconds for which the verdict on a group is valid
_PERIOD = 2.0  # seconds between two writings of it, while its state does not change
_END = "the others are healthy again", "no failure is shared any more"  # of a panic before its time


class Pool:
    """A group at work; ``armed`` is when it is looked at next, on the monotonic clock."""

    def __init__(self, group: Group, panic: Panic | Shared) -> None:
        self.group = group
        self.panic = panic
        self.armed = float("inf")
        self._is_on = False  # whether the panic was logged
        self._state: State | None = None
        self._since = 0.0
        self._written = float("-inf")

    @property
    def _words(self) -> str:
        """How many fail."""
        shared = "fail here and on all peers" if self.group.peers else "fail together"
        return f"{self.panic.failed} of {len(self.panic.members)} checks {shared}"

    def settle(self, publisher: Publisher, now: float) -> None:
        """Log that a panic has begun or ended, if it has."""
        panic = self.panic
        if (panic.since is not None) is self._is_on:
            return
        self._is_on = panic.since is not None
        title = TITLE + self.group.name
        if self._is_on:
            text = f"{self._words}: what was told before is held for at most {panic.left(now):.0f} s"
            publisher.shout("panic", title, "begin", text, is_good=False)
        else:
            why = "the time is over" if panic.left(now) <= 0 else _END[self.group.peers]
            text = f"the panic ends, as {why}: {self._words}"
            publisher.shout("panic", title, "end", text, is_good=panic.left(now) > 0)
        self._publish(publisher, now)

    def keep(self, publisher: Publisher, now: float) -> None:
        """Publish the verdict where it grows old, or there is a panic."""
        if now - self._written >= _PERIOD or self.panic.since is not None:
            self._publish(publisher, now)

    def _publish(self, publisher: Publisher, now: float) -> None:
        panic, rule, words = self.panic, self.group.rule, self._words
        left = panic.left(now)
        limit = "by its peers" if self.group.peers else f"above {rule.above} % within {rule.window:g} s"
        if panic.since is not None:
            state = CRITICAL
            text = f"panic: {words}, {len(panic.held)} of them are held for {left:.0f} s more"
        elif left <= 0:
            state = WARNING
            text = f"{words}: they were held for {rule.longest:g} s, and none is until that is over"
        else:
            state, text = OK, f"{panic.failed} of {len(panic.members)} checks fail, no panic ({limit})"
        if state != self._state:
            self._state, self._since = state, time()
        self._written = now
        count = len(panic.members)
        metrics = [
            Metric("members", count, minimum=0),
            Metric("failed", panic.failed, minimum=0, maximum=count),
            Metric("held", len(panic.held) if panic.since is not None else 0, minimum=0, maximum=count),
            Metric("left", left, "s", minimum=0, maximum=rule.longest),
        ]
        try:
            data = encode("panic", Result(state, text, metrics), self._since, 0, _TTL)
            files.write(f"{publisher.verdicts}/{paths.file_name(TITLE + self.group.name)}", data)
        except OSError:
            pass  # a folder that cannot be written is logged with the verdicts of the checks

    def drop(self, publisher: Publisher) -> None:
        """Remove the verdict."""
        publisher.remove(publisher.verdicts, paths.file_name(TITLE + self.group.name))
