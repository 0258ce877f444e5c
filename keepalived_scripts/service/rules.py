"""What follows from what was seen? The rules by which a service is called healthy, restarted and given up.

A service that turns bad opens an episode, which ends when it has been good for a while. An episode has one restart
(the window may allow none), and after it a grace time. Beyond that the service is down, and stays so until the
episode ends: a VIP that comes back at the first good answer comes back to a service in a crash loop.

What is known besides the checks comes before that: a service that its operator stopped is down without a restart, one
that systemd is at work on needs none for the grace time, and a restart that failed has no grace time left.
"""

from __future__ import annotations

GOOD, TRYING, DOWN = "good", "trying", "down"
# what is known besides the checks: systemd is at work on the unit, it was stopped, it or its restart has failed
BUSY, STOPPED, BROKEN = "busy", "stopped", "broken"


class Memory:
    """What one run leaves to the next.

    ``bad`` counts the bad runs in a row, ``tried`` tells whether this episode had its restart, ``at`` since when the
    grace time runs. Like ``good`` (since when it has been good, or 0) that is in seconds since boot. ``restarts`` are
    in seconds of the epoch, for they outlive a boot.
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
    """What the operator allows.

    ``fall`` bad runs in a row, ``fall_timeout`` where the last had no answer in time; ``restarts`` in ``window``
    seconds; ``grace`` and ``good_for`` in seconds.
    """

    __slots__ = ("fall", "fall_timeout", "good_for", "grace", "restarts", "window")

    def __init__(
        self, *, fall: int, fall_timeout: int, grace: float, good_for: float, restarts: int, window: float
    ) -> None:
        self.fall = fall
        self.fall_timeout = max(fall, fall_timeout)
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


def step(
    before: Memory,
    limits: Limits,
    *,
    good: bool,
    may: bool,
    now: float,
    today: float,
    expired: bool = False,
    fate: str = "",
) -> Step:
    """Return what follows; ``now`` is in seconds since boot, ``today`` in seconds of the epoch.

    ``may`` tells whether a restart can help: there is a way to do one, and something was really seen to be bad.
    ``expired`` tells that there was no answer in time, ``fate`` is BUSY, STOPPED, BROKEN or nothing.
    """
    memory = before.copy()
    # a clock that was set back must neither forget a restart nor hold it for years
    memory.restarts = tuple(min(one, today) for one in before.restarts if today - one < limits.window)
    if good:
        return _good(memory, limits, now)
    memory.good = 0
    fall = limits.fall_timeout if expired else limits.fall
    if memory.phase == GOOD and memory.bad + 1 < fall:
        memory.bad += 1
        return Step(memory, True, f"bad run {memory.bad} of {fall}")
    memory.bad = 0
    if fate == STOPPED:
        memory.phase = DOWN
        return Step(memory, False, "its unit was stopped, so no restart")
    if memory.phase == GOOD:
        memory.at = now
    in_grace = memory.phase != DOWN and now - memory.at < limits.grace
    if fate == BUSY and not memory.tried:
        memory.phase = TRYING if in_grace else DOWN
        return Step(memory, in_grace, "systemd is at work on its unit")
    if memory.tried:
        return _tried(memory, limits, now, in_grace=in_grace and fate != BROKEN)
    return _restart(memory, limits, now, today, may=may, in_grace=in_grace)


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


def _tried(memory: Memory, limits: Limits, now: float, *, in_grace: bool) -> Step:
    if in_grace:
        ago = f"restarted {now - memory.at:.1f} s ago"
        return Step(memory, True, f"{ago}, within the grace time of {limits.grace:g} s")
    memory.phase = DOWN
    return Step(memory, False, "restarted in vain")


def _restart(memory: Memory, limits: Limits, now: float, today: float, *, may: bool, in_grace: bool) -> Step:
    used = len(memory.restarts)
    if may and used < limits.restarts:
        memory.phase = TRYING if in_grace else DOWN
        memory.tried, memory.at = True, now
        memory.restarts = (*memory.restarts, today)
        return Step(memory, in_grace, "restarting it", restart=True)
    memory.phase = DOWN
    return Step(memory, False, f"no restart: {used} in the last {limits.window:g} s" if may and limits.restarts else "")
