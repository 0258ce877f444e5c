"""What do the files of a check say, and which of them have to be written now?"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from vipwarden.core.result import State

_LEAST_PERIOD = 1.0  # seconds between two stamps of a verdict that does not change
WHOLE_PERIOD = 5.0  # seconds between two writings of its text and metrics
NOTHING, STAMP, WHOLE = range(3)


class Published:
    """The files named ``file``, as far as is known; ``loss`` is the value of the track file for no verdict."""

    __slots__ = ("duration", "file", "loss", "period", "stamped", "state", "ttl", "value", "width", "written")

    def __init__(self, file: str, interval: float, loss: int) -> None:
        self.file = file
        self.loss = loss
        self.value: int | None = None  # in the track file
        self.state: State | None = None  # in the verdict file
        self.duration = 0.0  # of the last run, in seconds
        self.width = 0  # of the stamp in it
        self.stamped = self.written = float("-inf")  # when it was stamped, and written as a whole
        self.period = max(interval, _LEAST_PERIOD) - interval / 2  # seconds after which it is stamped anew
        self.ttl = max(interval, _LEAST_PERIOD) + 1.5 * interval  # seconds for which it is valid

    def wants(self, now: float, *, changed: bool) -> int:
        """Return how the verdict file is written now: WHOLE, a new STAMP in place, or NOTHING."""
        if changed:
            return WHOLE
        if now - self.stamped < self.period:
            return NOTHING
        return WHOLE if now - self.written >= WHOLE_PERIOD else STAMP

    def wrote(self, now: float, state: State | None, width: int) -> None:
        """Note that the verdict file was written as a whole."""
        self.stamped = self.written = now
        self.state = state
        self.width = width
