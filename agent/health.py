"""When does a result change the verdict? After as many of its kind in a row as rise or fall say."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from vipwarden.core.result import State


class Health:
    """The verdict on one check; ``worst`` is the worst state that counts as healthy.

    The first result ever acts at once, as keepalived has it. ``count`` is how many results in a row have spoken
    against the verdict.
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
        """Whether the verdict is a healthy one; before the first result it is not."""
        return self.state is not None and self.state <= self.worst

    @property
    def wanted(self) -> int:
        """How many results in a row it takes to change the verdict."""
        return self.fall if self.is_healthy else self.rise

    def settle(self, found: State) -> bool:
        """Take the state of a result and return whether the verdict's state has changed."""
        before = self.state
        if before is None or (found <= self.worst) == (before <= self.worst):
            self.state, self.count = found, 0
        else:
            self.count += 1
            if self.count >= self.wanted:
                self.state, self.count = found, 0
        return self.state != before

    def overrule(self, state: State) -> bool:
        """Set the verdict, whatever was before; return whether its state has changed."""
        before, self.state, self.count = self.state, state, 0
        return before != state
