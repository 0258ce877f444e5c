"""When is a check due? On the grid of its interval; missed runs are not repeated.

All times are monotonic seconds, which the caller hands in.
"""

from __future__ import annotations

SPREAD = 1.0  # seconds over which first runs are spread
POSTPONED = 0.1  # seconds until a check looks again for a check that it needs and that has no verdict yet


class Schedule:
    """The due times of one check: every ``interval``, or ``fast_interval`` while its verdict is about to change.

    Two due times are never less than an interval apart. Three things bring the next run forward: the second run is
    shifted once, so that the runs of all checks are spread; ``repeat()`` of a failed run; and ``hurry()``.
    """

    __slots__ = ("begun", "due", "fast_interval", "interval", "repeated", "retry", "shift")

    def __init__(self, interval: float, fast_interval: float, retry: int) -> None:
        self.interval = interval
        self.fast_interval = fast_interval
        self.retry = retry  # how often a failed run is repeated before it counts
        self.repeated = 0
        self.due = self.begun = 0.0
        self.shift = 0.0  # of the next due time, once

    def first(self, now: float, place: float, shift: float) -> float:
        """Return when the first run is due; ``place`` and ``shift``, from 0 to 1, are random to spread the checks."""
        self.due = now + place * min(self.interval, SPREAD)
        self.shift = -shift * self.interval
        return self.due

    def begin(self, now: float) -> float:
        """Note that a run begins, and return by how many seconds it is late."""
        self.begun = now
        return now - self.due

    def next(self, now: float, *, fast: bool = False) -> float:
        """Return when the next run is due, after a result has counted."""
        interval = self.fast_interval if fast else self.interval
        due = self.due + interval + self.shift
        if due < now:
            due += interval * ((now - due) // interval + 1)
        self.due = due
        self.shift = 0.0
        self.repeated = 0
        return due

    def repeat(self) -> bool:
        """Return whether a failed run is repeated at once, and count that."""
        self.repeated += 1
        return self.repeated <= self.retry

    def postpone(self, now: float) -> float:
        """Return when to look again for the verdict of a check that is needed."""
        self.due = now + POSTPONED
        return self.due

    def hurry(self, now: float) -> float:
        """Make the next run due at once, as what it waited for is healthy."""
        self.due = now
        return now
