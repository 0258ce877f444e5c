"""How is the agent itself? The agent's own verdict: checks, runs and lateness."""

from __future__ import annotations

import os
from pathlib import Path
from time import time
from typing import TYPE_CHECKING

from vipwarden.core.result import OK, WARNING, Metric, Result
from vipwarden.state import files, paths
from vipwarden.state.verdict import encode

if TYPE_CHECKING:
    from collections.abc import Iterable

    from agent.driver import Driver
    from agent.watch import Watch

_TTL = 5.0  # seconds for which its verdict is valid
_LATE = 0.5  # seconds above which the agent has too much to do
_PAGE = os.sysconf("SC_PAGE_SIZE")


class Meter:
    """The count of runs since the start, and how late the runs of the last second began."""

    def __init__(self) -> None:
        self.runs = 0
        self.answers = 0  # to those who ask at its doors
        self.late: list[float] = []
        self._since = time()
        self._state = OK

    def publish(self, folder: str, watches: Iterable[Watch], driver: Driver, unsaid: int, trouble: str) -> None:
        """Write the verdict of the agent, with the dropped lines of its log, and other trouble.

        A folder that cannot be written is logged with the verdicts of the checks.
        """
        late, self.late = sorted(self.late), []
        latest = late[len(late) * 99 // 100] if late else 0.0
        count = sick = blind = kept = damped = 0
        for watch in watches:
            count += 1
            sick += not watch.health.is_healthy
            blind += watch.blind
            kept += watch.told.record is not None
            damped += watch.told.is_dampened
        state = WARNING if latest > _LATE or trouble or blind else OK
        if state != self._state:
            self._state, self._since = state, time()
        text = f"{count} checks, {sick} of them unhealthy; {len(late)} began in the last second"
        if kept:
            text += f"; {kept} in maintenance"
        if damped:
            text += f"; {damped} held down as they flap"
        if blind:
            text += f"; {blind} have no path to their real server: vipwarden status says why"
        if trouble:
            text += f"; {trouble}"
        if latest > _LATE:
            text += f", {latest:.2f} s late: fewer checks, longer intervals or a faster node are needed"
        metrics = [
            Metric("checks", count, minimum=0),
            Metric("unhealthy", sick, minimum=0, maximum=count),
            Metric("runs", self.runs, "c"),
            Metric("answers", self.answers, "c"),
            Metric("late_p99", latest, "s", minimum=0),
            Metric("stalls", driver.stalls, "c"),
            Metric("log_lines_dropped", unsaid, "c"),
            Metric("in_flight", len(driver.active), minimum=0),
            Metric("memory", _memory(), "B", minimum=0),
        ]
        try:
            data = encode("agent", Result(state, text, metrics), self._since, 0, _TTL)
            files.write(f"{folder}/{paths.file_name(paths.AGENT)}", data)
        except OSError:
            pass


def _memory() -> int:
    """Return the resident memory in bytes, 0 where /proc does not say."""
    try:
        return int(Path("/proc/self/statm").read_bytes().split()[1]) * _PAGE
    except (OSError, ValueError, IndexError):
        return 0
