"""Have the other nodes lost the same check? Then a VIP that is given up for it helps nobody, and is kept.

A failure is held back until it is clear: for a ``window`` at most. It is told as soon as one peer is healthy, by a run
that began after the failure, or does not answer; and it is held while all peers have lost the check as well, for
``longest`` seconds in all, until no member has failed for as long without a break. So two nodes that lose their common
gateway both keep what they have.

All times are monotonic seconds, which the caller hands in.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from vipwarden.config.panic import Rule

_SOON, _LATER = 0.1, 1.0  # seconds between two looks


class Shared:
    """The members of one group by its ``rule``; ``held`` are those whose failure is not told, with their times.

    ``opinion`` is called with a member and the time of its failure: True where all peers have lost it as well, False
    where one has not or cannot be asked, None as long as this is not clear.
    """

    def __init__(self, rule: Rule, members: Iterable[str], opinion: Callable[[str, float], bool | None]) -> None:
        self.rule = rule
        self.members = set(members)
        self.held: dict[str, float] = {}
        self.since: float | None = None  # when the first failure began that is held as it is shared
        self._opinion = opinion
        self._shared: set[str] = set()  # of the held ones
        self._failed: set[str] = set()
        self._spent = 0.0  # seconds of this fault in which failures were held
        self._well: float | None = None  # since when no member fails

    @property
    def failed(self) -> int:
        """How many members have failed."""
        return len(self._failed)

    @property
    def wakes(self) -> float | None:
        """After how many seconds to look again, None where only a failure changes anything."""
        return _SOON if self.held else _LATER if self._spent else None

    def left(self, now: float) -> float:
        """Return for how many seconds failures may still be held in this fault."""
        return max(0.0, self.rule.longest - self._spent - (now - self.since if self.since is not None else 0.0))

    def fail(self, name: str, now: float) -> bool:
        """Take the failure of a member that was told healthy; return whether it is held back."""
        if name not in self.members:
            return False
        self._failed.add(name)
        self._forget(now)
        if self.left(now) <= 0:
            return False
        self.held[name] = now
        return True

    def recover(self, name: str) -> None:
        """Take that a member is healthy."""
        self._failed.discard(name)
        self.held.pop(name, None)
        self._shared.discard(name)

    def leave(self, name: str) -> None:
        """Let a member count no more: its maintenance begins."""
        self.recover(name)
        self.members.discard(name)

    def join(self, name: str) -> None:
        """Let a member count again."""
        self.members.add(name)

    def resume(self, name: str, left: float, now: float) -> bool:
        """Go on holding what an earlier agent held, if the peers still say so, for ``left`` seconds at most."""
        if name not in self.members or left <= 0:
            return False
        self._spent = max(self._spent, self.rule.longest - min(left, self.rule.longest))
        self._failed.add(name)
        self.held[name] = now
        return True

    def look(self, now: float) -> list[str]:
        """Return the members whose failure has to be told now; to be called soon after each fail(), and by wakes()."""
        self._forget(now)
        limit = self.left(now)
        due = []
        for name, at in self.held.items():
            opinion = self._opinion(name, at)
            waits = opinion is None and now - at < min(self.rule.window, limit)
            if limit <= 0 or not (opinion or waits or (opinion is None and name in self._shared)):
                due.append(name)
            elif opinion:
                self._shared.add(name)
        for name in due:
            del self.held[name]
            self._shared.discard(name)
        if self._shared and self.since is None:
            self.since = min(self.held[name] for name in self._shared)
        elif not self._shared and self.since is not None:
            self._spent = self.rule.longest - limit
            self.since = None
        return due

    def _forget(self, now: float) -> None:
        """Forget a fault that is over."""
        self._well = None if self._failed else now if self._well is None else self._well
        if self._well is not None and self.since is None and now - self._well >= self.rule.longest:
            self._spent = 0.0
