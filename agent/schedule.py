"""When is a check due? On the grid of its interval; missed runs are not repeated.

All times are monotonic seconds, which the caller hands in.
"""

from __future__ import annotations

SPREAD = 1.0  # seconds over which first runs are spread
SPACING = 0.05  # seconds from the begin of a run to that of the next one that an event asks for, at least
POSTPONED = 0.1  # seconds until a check looks again for a check that it needs and that has no verdict yet
_NEVER = float("inf")


class Schedule:
    """The due times of one check: every ``interval``, or ``fast_interval`` while its verdict is about to change.

    Two due times are never less than an interval apart. Four things bring the next run forward: the second run is
    shifted once, so that the runs of all checks are spread; ``repeat()`` of a failed run; ``hurry()``; and ``event()``.
    """

    __slots__ = (
        "begun", "due", "event_due", "fast_interval", "interval", "repeated", "retry", "shift", "spacing",
    )  # fmt: skip

    def __init__(self, interval: float, fast_interval: float, retry: int) -> None:
        self.interval = interval
        self.fast_interval = fast_interval
        self.retry = retry  # how often a failed run is repeated before it counts
        self.repeated = 0
        self.due = self.begun = 0.0
        self.shift = 0.0  # of the next due time, once
        self.event_due = _NEVER  # when the run that an event asks for is due
        self.spacing = SPACING

    def first(self, now: float, place: float, shift: float) -> float:
        """Return when the first run is due; ``place`` and ``shift``, from 0 to 1, are random to spread the checks."""
        self.due = now + place * min(self.interval, SPREAD)
        self.shift = -shift * self.interval
        return self.due

    def begin(self, now: float) -> float:
        """Note that a run begins, and return by how many seconds it is late."""
        self.begun = now
        if self.event_due < _NEVER:
            self.event_due = _NEVER
            self.spacing = min(2 * self.spacing, self.interval)
        elif self.spacing > SPACING:
            self.spacing = max(self.spacing / 2, SPACING)
        return now - self.due

    def next(self, now: float, *, fast: bool = False) -> float:
        """Return when the next run is due, after a result has counted."""
        interval = self.fast_interval if fast else self.interval
        due = self.due + interval + self.shift
        if due < now:
            due += interval * ((now - due) // interval + 1)
        self.due = due if fast else min(due, self.event_due)
        self.shift = 0.0
        self.repeated = 0
        return self.due

    def event(self, now: float, *, running: bool) -> bool:
        """Have a run soon, as something has happened; return whether the due time is an earlier one now.

        It begins after a ``running`` one. Such runs are rarer the more of them follow each other: the first begins at
        least 0.05 s after the run before, the next ones 0.1, 0.2 and so on, up to the interval. Each other run halves
        that again.
        """
        self.event_due = max(now, self.begun + self.spacing)
        is_earlier = self.event_due < self.due and not running
        if is_earlier:
            self.due = self.event_due
        return is_earlier

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
