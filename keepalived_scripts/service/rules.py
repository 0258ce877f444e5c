"""What follows from what was seen? The rules by which a service is called healthy, restarted and given up.

A service that turns bad opens an episode, which ends when it has been good for a while. An episode has one restart
(the window may allow none), and after it a grace time. Beyond that the service is down, and stays so until the
episode ends: a VIP that comes back at the first good answer comes back to a service in a crash loop.
"""

from __future__ import annotations

GOOD, TRYING, DOWN = "good", "trying", "down"


class Memory:
    """What one run leaves to the next.

    ``bad`` counts the bad runs in a row, ``tried`` tells whether this episode had its restart, ``at`` when. Like
    ``good`` (since when it has been good, or 0) that is in seconds since boot. ``restarts`` are in seconds of the
    epoch, for they outlive a boot.
    """

    __slots__ = ("at", "bad", "good", "phase", "restarts", "tried")

    def __init__(
        self,
        phase: str = GOOD,
        *,
        bad: int = 0,
        tried: bool = False,
        at: float = 0,
        good: float = 0,
        restarts: tuple[float, ...] = (),
    ) -> None:
        self.phase = phase
        self.bad = bad
        self.tried = tried
        self.at = at
        self.good = good
        self.restarts = restarts

    def copy(self) -> Memory:
        """Return another one that says the same."""
        return Memory(self.phase, bad=self.bad, tried=self.tried, at=self.at, good=self.good, restarts=self.restarts)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Memory) and all(getattr(self, name) == getattr(other, name) for name in self.__slots__)

    __hash__ = None  # type: ignore[assignment]


class Limits:
    """What the operator allows: ``fall`` bad runs, ``grace``, ``good_for`` and ``window`` in seconds, ``restarts``."""

    __slots__ = ("fall", "good_for", "grace", "restarts", "window")

    def __init__(self, *, fall: int, grace: float, good_for: float, restarts: int, window: float) -> None:
        self.fall = fall
        self.grace = grace
        self.good_for = good_for
        self.restarts = restarts
        self.window = window


class Step:
    """What is to be done: ``healthy`` is the verdict, ``said`` the reason for it, ``restart`` whether to do one."""

    __slots__ = ("healthy", "memory", "restart", "said")

    def __init__(self, memory: Memory, healthy: bool, said: str = "", *, restart: bool = False) -> None:
        self.memory = memory
        self.healthy = healthy
        self.said = said
        self.restart = restart


def step(before: Memory, limits: Limits, *, good: bool, may: bool, now: float, today: float) -> Step:
    """Return what follows; ``now`` is in seconds since boot, ``today`` in seconds of the epoch.

    ``may`` tells whether a restart can help: there is a way to do one, and something was really seen to be bad.
    """
    memory = before.copy()
    # a clock that was set back must neither forget a restart nor hold it for years
    memory.restarts = tuple(min(one, today) for one in before.restarts if today - one < limits.window)
    return _good(memory, limits, now) if good else _bad(memory, limits, may, now, today)


def _good(memory: Memory, limits: Limits, now: float) -> Step:
    memory.bad = 0
    if memory.phase == GOOD:
        return Step(memory, True)
    memory.good = memory.good or now
    lasted = now - memory.good
    if lasted >= limits.good_for:
        memory.phase, memory.tried, memory.at, memory.good = GOOD, False, 0, 0
        return Step(memory, True)
    return Step(memory, memory.phase == TRYING, f"good for {lasted:.1f} of {limits.good_for:g} s")


def _bad(memory: Memory, limits: Limits, may: bool, now: float, today: float) -> Step:
    memory.good = 0
    if memory.phase == GOOD and memory.bad + 1 < limits.fall:
        memory.bad += 1
        return Step(memory, True, f"bad run {memory.bad} of {limits.fall}")
    if memory.phase == TRYING and now - memory.at < limits.grace:
        return Step(memory, True, f"restarted {now - memory.at:.1f} s ago, within the grace time of {limits.grace:g} s")
    used = len(memory.restarts)
    restart = may and not memory.tried and used < limits.restarts
    if memory.phase == GOOD and restart and limits.grace:
        memory.phase = TRYING
    else:
        memory.phase = DOWN
    memory.bad = 0
    if restart:
        memory.tried, memory.at = True, now
        memory.restarts = (*memory.restarts, today)
        return Step(memory, memory.phase == TRYING, "restarting it", restart=True)
    if may and not memory.tried and limits.restarts:
        return Step(memory, False, f"no restart: {used} in the last {limits.window:g} s")
    return Step(memory, False, "restarted in vain" if memory.tried else "")
