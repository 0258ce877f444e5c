"""When does a result change the verdict? After ``rise`` healthy or ``fall`` failed results in a row."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from vipwarden.core.result import State


class Health:
    """The verdict on one check; ``worst`` is the worst state that counts as healthy.

    The first result always acts at once, as in keepalived. ``count`` is the number of results in a row against the
    verdict.
    """

    __slots__ = ("count", "fall", "rise", "state", "worst")

    def __init__(self, rise: int, fall: int, worst: State) -> None:
        self.rise = rise
        self.fall = fall
        self.worst = worst
        self.state: State | None = None
        self.count = 0

    @property
    def is_healthy(self) -> bool:
        """Whether the verdict is healthy; before the first result it is not."""
        return self.state is not None and self.state <= self.worst

    @property
    def needed(self) -> int:
        """How many results in a row change the verdict."""
        return self.fall if self.is_healthy else self.rise

    def is_failure(self, state: State) -> bool:
        """Return whether a result would make the check unhealthy that is not so yet."""
        return state > self.worst and (self.state is None or self.is_healthy)

    def settle(self, state: State) -> bool:
        """Take the state of a result and return whether the state of the verdict has changed."""
        before = self.state
        if before is None or (state <= self.worst) == (before <= self.worst):
            self.state, self.count = state, 0
        else:
            self.count += 1
            if self.count >= self.needed:
                self.state, self.count = state, 0
        return self.state != before

    def overrule(self, state: State) -> bool:
        """Set the verdict, whatever it was before; return whether its state has changed."""
        before, self.state, self.count = self.state, state, 0
        return before != state
