"""When is a service healthy, restarted or failed?

A service that turns bad starts an episode, which ends when it has been good for a while. An episode has one restart
(if the window allows it), and after it a grace time. Then the service is down until the episode ends: if the VIP came
back with the first good answer, it might come back to a service in a crash loop.

The state of the unit comes first: a service that its operator stopped is down without a restart, one that systemd is
starting or stopping needs no restart for the grace time, and a failed restart ends the grace time.
"""

from __future__ import annotations

import sys

TYPE_CHECKING = False
if TYPE_CHECKING:
    from types import SimpleNamespace
else:
    SimpleNamespace = type(sys.implementation)  # without loading types

GOOD, TRYING, DOWN = "good", "trying", "down"
# the state of the unit: systemd is at work on it, it was stopped, it or its restart has failed
BUSY, STOPPED, BROKEN = "busy", "stopped", "broken"


class Memory(SimpleNamespace):
    """The state that a run leaves to the next.

    ``bad`` counts the bad runs in a row. ``tried`` is whether this episode had its restart. ``at`` is the start of the
    grace time and ``good`` that of the good runs (or 0), in seconds since boot. ``restarts`` are in seconds of the
    epoch, because they outlive a boot.
    """

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
        super().__init__(phase=phase, bad=bad, tried=tried, at=at, good=good, restarts=restarts)

    def copy(self) -> Memory:
        """Return a copy."""
        return Memory(**vars(self))


class Limits(SimpleNamespace):
    """The operator's limits.

    ``fall`` bad runs in a row, ``fall_timeout`` if the last one had no answer in time; ``restarts`` in ``window``
    seconds; ``grace`` and ``good_for`` in seconds.
    """

    def __init__(
        self, *, fall: int, fall_timeout: int, grace: float, good_for: float, restarts: int, window: float
    ) -> None:
        super().__init__(fall=fall, fall_timeout=max(fall, fall_timeout), grace=grace, good_for=good_for)
        self.restarts = restarts
        self.window = window


class Step:
    """The consequence of a run: ``healthy`` is the verdict, ``reason`` explains it, ``restart`` asks for a restart."""

    __slots__ = ("healthy", "memory", "reason", "restart")

    def __init__(self, memory: Memory, healthy: bool, reason: str = "", *, restart: bool = False) -> None:
        self.memory = memory
        self.healthy = healthy
        self.reason = reason
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
    """Return the consequence of a run; ``now`` is in seconds since boot, ``today`` in seconds of the epoch.

    ``may`` is whether a restart can help: there is a way to restart, and a check has seen a failure.
    ``expired`` means no answer in time; ``fate`` is BUSY, STOPPED, BROKEN or "".
    """
    memory = before.copy()
    # after a clock is set back no restart is forgotten, or counts for years
    memory.restarts = tuple(min(time, today) for time in before.restarts if today - time < limits.window)
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
