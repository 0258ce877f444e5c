"""What does a scrape cost the node: the exporter, and the program that it asks? Interleaved runs and their medians."""

from __future__ import annotations

import http.client
import re
import statistics
import subprocess
import time
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, TypeAlias

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

PopenBytes: TypeAlias = "subprocess.Popen[bytes]"
_SETTLE = 0.05  # seconds in which what a scrape left to do is done


@dataclass
class Scrape:
    """An endpoint, and the processes whose CPU time a scrape of it costs; the last one is the exporter."""

    name: str
    port: int
    pids: Sequence[int]
    path: str = "/metrics"
    cpu: list[float] = field(default_factory=list)
    samples: int = 0
    peak: float = 0  # memory of the exporter in MB

    def run(self, *, count: bool = True) -> None:
        """Scrape once, as Prometheus does but uncompressed."""
        before = sum(map(_cpu, self.pids))
        body = get(self.port, self.path)
        time.sleep(_SETTLE)
        if count:
            self.cpu.append(sum(map(_cpu, self.pids)) - before)
        self.samples = len(re.findall(rb"^[^#\n<]|^<tr", body, re.MULTILINE))

    @property
    def ms(self) -> float:
        """Median CPU time in milliseconds."""
        return statistics.median(self.cpu) * 1000


def measure(scrapes: Sequence[Scrape], runs: int) -> None:
    """Run all in turn; the first two of each are for warming up."""
    for turn in range(runs + 2):
        for scrape in scrapes:
            scrape.run(count=turn >= 2)
    for scrape in scrapes:
        scrape.peak = memory(scrape.pids[-1], "VmHWM")


def get(port: int, path: str) -> bytes:
    """Ask once, on a connection of its own."""
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=30)
    try:
        connection.request("GET", path, headers={"Accept": "text/plain;version=0.0.4"})
        answer = connection.getresponse()
        body = answer.read()
        if answer.status != 200:
            raise SystemExit(f"bench: port {port} answered {answer.status} to {path}")
        return body
    finally:
        connection.close()


def memory(pid: int, line: str) -> float:
    """Return VmHWM, the peak, or VmRSS of a process in MB."""
    status = Path(f"/proc/{pid}/status").read_text(encoding="ascii")
    return int(re.findall(rf"^{line}:\s+(\d+)", status, re.MULTILINE)[0]) / 1024


@contextmanager
def serving(port: int, *command: str, path: str = "/") -> Iterator[int]:
    """Run an exporter until it answers, and yield its pid."""
    process: PopenBytes = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        until = time.monotonic() + 20
        while True:
            with suppress(OSError):
                get(port, path)
                break
            if process.poll() is not None or time.monotonic() > until:
                raise SystemExit(f"bench: {' '.join(command)} does not serve")
            time.sleep(0.05)
        yield process.pid
    finally:
        process.terminate()
        process.wait()


def _cpu(pid: int) -> float:
    """Read the clock of another process (CPUCLOCK_SCHED in the kernel's posix-timers.h): of all its threads."""
    return time.clock_gettime((~pid << 3) | 2)
