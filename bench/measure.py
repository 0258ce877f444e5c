"""What does a command cost as a whole process? Many runs, interleaved with those of the others, and their medians."""

from __future__ import annotations

import os
import shlex
import statistics
import subprocess
import sys
import time
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence


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
        """Measure the peak memory below a small interpreter: a process starts with the peak of who spawned it."""
        spawn = "import posix, sys; pid = posix.posix_spawnp(sys.argv[1], sys.argv[1:], posix.environ)"
        code = f"{spawn}; print('peak', posix.wait4(pid, 0)[2].ru_maxrss)"
        command = [sys.executable, "-I", "-S", "-c", code, *shlex.split(self.command)]
        done = subprocess.run(command, capture_output=True, text=True, check=True)
        self.memory = int(done.stdout.split()[-1])

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


def report(title: str, cases: Sequence[Case], targets: Iterable[tuple[str, str, str, float]]) -> None:
    """Print what each case costs, and then what is measured beside what, and whether that is as it should be."""
    base = next(case for case in cases if case.name == "python3 -I -S")
    print(f"\n{title} (medians of {len(base.cpu)} interleaved runs)\n")
    print(f"  {'':<22}{'CPU ms':>8}{'ratio':>8}{'wall ms':>9}{'MB':>7}")
    for case in cases:
        ratio = case.cpu_ms / base.cpu_ms
        print(f"  {case.name:<22}{case.cpu_ms:>8.2f}{ratio:>8.2f}{case.wall_ms:>9.2f}{case.memory / 1024:>7.1f}")
    print()
    by_name = {case.name: case for case in cases}
    for name, other, figure, most in targets:
        ours, theirs = (getattr(by_name[one], f"{figure}_ms") for one in (name, other))
        verdict = "met" if ours / theirs <= most else "MISSED"
        print(f"  {verdict:<7} {name} / {other}, {figure}: {ours / theirs:.3f} (<= {most:.3f})")
