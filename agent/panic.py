"""Do so many checks of a group fail together that the fault is hardly theirs? Then what was told last is held.

This is the panic of load balancers (as Envoy's panic threshold), with three differences: only failures that come
together count, none is held for longer than ``longest`` in all, and what was told as failed stays failed.

The first failure of a group is held back until it is clear whether it is alone: until so many other members have
answered healthy since, by runs that began after it, that the share cannot be reached any more; and for a ``window`` at
most. Where more than ``above`` percent of the members, and at least two, have failed within one window, there is a
panic: failures are held back from then on. It ends, and all that still fails is told, when the time is spent, or when
no more than that share has failed for a window. The time of all panics is counted together until the share has been low
for ``longest`` without a break: a fault that comes and goes is one fault.

All times are monotonic seconds, which the caller hands in. Members are names; those that do not count, as they are in
maintenance, are not known here.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from vipwarden.config.panic import Rule

_LEAST = 2  # members: the fault of a single one is its own
_SOON, _LATER = 0.1, 1.0  # seconds between two looks


class Panic:
    """The members of one group by its ``rule``; ``held`` are those whose failure is not told, with their times.

    ``unclear`` is called with a time, and returns how many members are healthy and have no healthy run begun since.
    """

    def __init__(self, rule: Rule, members: Iterable[str], unclear: Callable[[float], int]) -> None:
        self.rule = rule
        self.members = set(members)
        self.held: dict[str, float] = {}  # in the order of time
        self.since: float | None = None  # when the failures began that are held in a panic
        self._unclear = unclear
        self._recent: dict[str, float] = {}  # failures within a window that are still there, in the order of time
        self._failing: set[str] = set()
        self._fault: set[str] = set()  # of these, those that have failed since the begin of the fault
        self._round: set[str] = set()  # held back, and to be told when it is clear that they are alone
        self._opened = 0.0  # when the round began
        self._spent = 0.0  # seconds of this fault in which failures were held
        self._low: float | None = None  # since when the share has been low

    @property
    def failed(self) -> int:
        """How many members have failed within the window, or since the begin of the fault."""
        return len(self._fault if self._is_on else self._recent)

    @property
    def wakes(self) -> float | None:
        """After how many seconds to look again, None where only a failure changes anything."""
        return _SOON if self.held or self.since is not None else _LATER if self._spent else None

    @property
    def _is_on(self) -> bool:
        return self._spent > 0 or self.since is not None

    def left(self, now: float) -> float:
        """Return for how many seconds failures may still be held in this fault."""
        return max(0.0, self.rule.longest - self._spent - (now - self.since if self.since is not None else 0.0))

    def fail(self, name: str, now: float) -> bool:
        """Take the failure of a member that was told healthy; return whether it is held back."""
        if name not in self.members:
            return False
        self._recent.pop(name, None)
        self._recent[name] = now
        self._failing.add(name)
        self._forget(now)
        if self._is_on:
            self._fault.add(name)
        if self.left(now) <= 0:
            return False
        if self.since is None and not self._round:
            if not self._may_be_shared(now):
                return False
            self._opened = now
            self._round.add(name)
        self.held[name] = now
        if self.since is None and self._is_shared(len(self._recent)):
            self.since = next(iter(self.held.values()))
            self._fault |= set(self._recent)
            self._low = None
        return True

    def recover(self, name: str) -> None:
        """Take that a member is healthy."""
        for known in (self._recent, self.held):
            known.pop(name, None)
        self._failing.discard(name)
        self._fault.discard(name)
        self._round.discard(name)

    def leave(self, name: str) -> None:
        """Let a member count no more: its maintenance begins."""
        self.recover(name)
        self.members.discard(name)

    def join(self, name: str) -> None:
        """Let a member count again."""
        self.members.add(name)

    def resume(self, name: str, left: float, now: float) -> bool:
        """Go on holding what an earlier agent held, for ``left`` seconds at most; return whether it is held."""
        spent = self.rule.longest - min(left, self.rule.longest)
        if name not in self.members or left <= 0:
            return False
        self._spent = max(self._spent, spent)
        self.since = now if self.since is None else self.since
        self.held[name] = now
        self._failing.add(name)
        self._fault.add(name)
        return True

    def look(self, now: float) -> list[str]:
        """Return the members whose failure has to be told now; to be called soon after each fail(), and by wakes()."""
        self._forget(now)
        if self.since is not None:
            return self._look_at_panic(now)
        limit = min(self.rule.window, self.left(now))
        due = [name for name, at in self.held.items() if now - at >= limit]
        if self._round and not self._may_be_shared(self._opened):
            due += [name for name in self._round if name not in due]
        for name in due:
            del self.held[name]
            self._round.discard(name)
        if self.held and not self._round:  # those that came during the round
            self._opened, self._round = now, set(self.held)
        return due

    def _look_at_panic(self, now: float) -> list[str]:
        is_low = not self._is_shared(len(self._fault))
        self._low = (now if self._low is None else self._low) if is_low else None
        if self.left(now) > 0 and (self._low is None or now - self._low < self.rule.window):
            return []
        self._spent = self.rule.longest - self.left(now)
        self.since = self._low = None
        self._round.clear()
        due = list(self.held)
        self.held.clear()
        return due

    def _forget(self, now: float) -> None:
        """Forget failures that came before the window, and a fault that is over."""
        while self._recent and now - next(iter(self._recent.values())) > self.rule.window:
            del self._recent[next(iter(self._recent))]
        if self.since is not None or not self._spent:
            return
        if self._is_shared(len(self._failing)):
            self._low = None
        elif self._low is None:
            self._low = now
        elif now - self._low >= self.rule.longest:
            self._spent = 0.0
            self._low = None
            self._fault.clear()

    def _may_be_shared(self, since: float) -> bool:
        """Return whether more members may still turn out to have failed than one alone."""
        return self._is_shared(len(self._recent) + self._unclear(since))

    def _is_shared(self, count: int) -> bool:
        return count >= _LEAST and count * 100 > self.rule.above * len(self.members)
