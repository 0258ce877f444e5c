"""How are the agent's events recorded? From its loop, in batches of a moment, without waiting for the recorder.

Here is also noticed that the wall clock was stepped, and that the agent was not running for a while.
"""

from __future__ import annotations

import asyncio

from vipwarden.events.hand import Hand
from vipwarden.events.order import STEP
from vipwarden.state import paths
from vipwarden.state.clock import boot, wall

_GATHER = 0.02  # seconds
_STALL = 1.0  # seconds by which a look is late


class Record:
    """Hands over events below ``runtime``; look() is called every ``period`` seconds."""

    def __init__(self, runtime: str, period: float) -> None:
        self._hand = Hand("agent", paths.events(runtime))
        self._period = period
        self._timer: asyncio.TimerHandle | None = None
        self._looked = boot()
        self._apart = wall() - self._looked

    def event(self, kind: str, name: str, *, of: str = "", state: str = "", before: str = "", text: str = "") -> None:
        """Take an event of now."""
        self._hand.give(kind, name, of=of, state=state, before=before, text=text)
        if self._timer is None:
            self._timer = asyncio.get_running_loop().call_later(_GATHER, self.flush)

    def ended(self, name: str, pid: int) -> None:
        """Record the end of a process that a check depends on."""
        self.event("process", name, state="ended", text=f"PID {pid}")

    def flush(self) -> None:
        """Hand over what was taken."""
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        self._hand.flush()

    def look(self) -> None:
        """Record a step of the wall clock, and a time without running."""
        now = boot()
        late, apart = now - self._looked - self._period, wall() - now
        stepped = apart - self._apart
        self._looked = now
        if late > _STALL:
            self.event("agent", "agent", state="stall", text=f"was not running for {late:.1f} s")
        if abs(stepped) > STEP:
            self.event("clock", "clock", state="step", text=f"the wall clock was stepped by {stepped:+.2f} s")
        self._apart = apart
