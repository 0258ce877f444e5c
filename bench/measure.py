"""What does a command cost as a whole process? Many runs, interleaved with those of the others, and their medians."""

from __future__ import annotations

import os
import shlex
import statistics
import time
from dataclasses import dataclass, field


@dataclass
class Case:
    """One command line; ``expect`` is the exit code without which a figure would mean nothing."""

    name: str
    command: str
    expect: int = 0
    cpu: list[float] = field(default_factory=list)
    wall: list[float] = field(default_factory=list)
    memory: int = 0

    def run(self, *, count: bool = True) -> None:
        """Run it once; CPU seconds are those of the process and of all children that it waited for."""
        argv = shlex.split(self.command)
        null = [(os.POSIX_SPAWN_OPEN, fd, "/dev/null", os.O_RDWR, 0) for fd in (0, 1, 2)]
        begun = time.perf_counter()
        pid = os.posix_spawnp(argv[0], argv, os.environ, file_actions=null)
        _, status, usage = os.wait4(pid, 0)
        wall = time.perf_counter() - begun
        if os.waitstatus_to_exitcode(status) != self.expect:
            raise SystemExit(f"bench: {self.command} answered {os.waitstatus_to_exitcode(status)}, not {self.expect}")
        if count:
            self.cpu.append(usage.ru_utime + usage.ru_stime)
            self.wall.append(wall)

    def weigh(self) -> None:
        """Measure the peak memory, in a child of a small shell: a child starts with the peak of its parent."""
        null = [(os.POSIX_SPAWN_OPEN, fd, "/dev/null", os.O_RDWR, 0) for fd in (0, 1, 2)]
        shell = ["sh", "-c", f"{self.command}; :"]
        _, _, usage = os.wait4(os.posix_spawnp("sh", shell, os.environ, file_actions=null), 0)
        self.memory = usage.ru_maxrss

    @property
    def cpu_ms(self) -> float:
        """Median CPU time in milliseconds."""
        return statistics.median(self.cpu) * 1000

    @property
    def wall_ms(self) -> float:
        """Median wall time in milliseconds."""
        return statistics.median(self.wall) * 1000


def interleave(cases: list[Case], runs: int) -> None:
    """Run all cases in turn, so that a machine that slows down slows all of them down."""
    for case in cases:
        case.run(count=False)
        case.weigh()
    for _ in range(runs):
        for case in cases:
            case.run()
