"""What does a resident program cost a check? Its CPU time between two readings, and what it did meanwhile."""

from __future__ import annotations

import os
import signal
import statistics
import subprocess
import sys
import tempfile
import time
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from tests.agent.running import watchdogs
from vipwarden.state import paths
from vipwarden.state.verdict import read

if TYPE_CHECKING:
    from collections.abc import Iterator

BIN = Path(sys.executable).parent
_TICK = os.sysconf("SC_CLK_TCK")


def cpu(*pids: int) -> float:
    """Return the CPU seconds that processes, with all their threads, have used so far."""
    fields = [Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split() for pid in pids]
    return sum(int(words[11]) + int(words[12]) for words in fields) / _TICK


class Window(NamedTuple):
    """What happened between two readings."""

    seconds: float
    cpu: float
    checks: float
    late: float  # seconds by which the latest hundredth began, in the middle one of its seconds
    memory: float  # MB

    @property
    def each(self) -> float:
        """Microseconds of CPU a check."""
        return self.cpu / self.checks * 1e6 if self.checks else float("nan")


class Agent:
    """An agent at work, with its watchdog."""

    def __init__(self, process: subprocess.Popen[bytes], runtime: Path) -> None:
        self.process = process
        self.runtime = runtime

    def own(self, after: float) -> tuple[float, dict[str, float]]:
        """Wait for the agent's next verdict on itself; return its stamp and what it measured."""
        path = f"{paths.verdicts(str(self.runtime))}/{paths.file_name('vipwarden agent')}"
        while True:
            found = read(path)
            if found is not None and found.stamp > after:
                return found.stamp, {metric.name: float(metric.value) for metric in found.result.metrics}
            if self.process.poll() is not None:
                raise SystemExit("bench: the agent has ended")
            time.sleep(0.002)

    def measure(self, seconds: float) -> Window:
        """Look at it for so many seconds or a little more."""
        pids = (self.process.pid, *watchdogs(self.runtime))
        stamp, first = self.own(0)
        stamp, first = self.own(stamp)
        begun, used, late = time.monotonic(), cpu(*pids), list[float]()
        while True:
            stamp, last = self.own(stamp)
            late.append(last["late_p99"])
            now = time.monotonic()
            if now - begun >= seconds:
                checks = last["runs"] - first["runs"]
                return Window(now - begun, cpu(*pids) - used, checks, statistics.median(late), last["memory"] / 1e6)


@contextmanager
def agent(text: str, settle: float = 1.5) -> Iterator[Agent]:
    """Run an agent whose files are in memory, as /run is on a node."""
    with tempfile.TemporaryDirectory(prefix="vipwarden-bench-", dir="/dev/shm") as name:
        configuration = Path(name, "vipwarden.yaml")
        configuration.write_text(text)
        command = [str(BIN / "vipwarden"), "agent", "--config", str(configuration)]
        env = {**os.environ, "VIPWARDEN_RUNTIME_DIR": f"{name}/run"}
        Path(name, "run").mkdir()
        with subprocess.Popen(command, env=env, stdout=subprocess.DEVNULL) as process:
            running = Agent(process, Path(name, "run"))
            try:
                stamp = running.own(0)[0]
                time.sleep(settle)
                running.own(stamp)
                yield running
            finally:
                process.kill()
                process.wait()
                for pid in watchdogs(running.runtime):
                    os.kill(pid, signal.SIGKILL)
