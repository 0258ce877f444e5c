"""One agent in a folder of its own, forked from a process that has imported it already: thousands are started fast."""

from __future__ import annotations

import os
import random
import shutil
import signal
import tempfile
import threading
import time
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING

from agent import locks, relief
from cli import agent as command  # whatever it needs is imported before the fork
from vipwarden.state import paths, verdict

if TYPE_CHECKING:
    from collections.abc import Callable

_END = 30.0  # seconds
HEALTHY = b"1   \n"
_OWN = paths.file_name("vipwarden agent")


class HavocError(Exception):
    """What was to be done could not be."""


class Life:
    """A folder with ``count`` healthy checks, and the agents that live in it, each of ``threads``."""

    def __init__(self, count: int, threads: int, grace: float) -> None:
        self.folder = Path(tempfile.mkdtemp(prefix="chaos-"))
        self.runtime = str(self.folder / "run")
        Path(self.runtime).mkdir()
        self.interval = 0.2 if count <= 100 else 1.0
        self.limit = 2.5 * self.interval
        self.grace = grace
        self.threads = threads
        self.count = count
        self.agent = 0
        self.gap = 0.0  # the longest time that the agent's loop was not seen to turn, in seconds
        self.configure(count)

    def configure(self, count: int) -> None:
        """Write a configuration of so many checks."""
        self.count = count
        check = f"check: port, refused: ok, interval: {self.interval}, syslog: false"
        rows, rest = divmod(count, 250)
        lines = [f"  r{row}: {{{check}, hosts: '127.0.0.[1-250]', port: {row + 1}}}" for row in range(rows)]
        lines += [f"  s{number}: {{{check}, host: 127.0.0.1, port: {number + 1}}}" for number in range(rest)]
        text = "\n".join([f"agent: {{restart_grace: {self.grace}}}", "checks:", *lines, ""])
        (self.folder / "vipwarden.yaml").write_text(text if count else "agent: {restart_grace: 0.5}\n")

    def start(self) -> None:
        """Start an agent."""
        self.agent = fork(self._live)

    def _live(self) -> None:
        os.setsid()
        os.environ["VIPWARDEN_RUNTIME_DIR"] = self.runtime
        log = os.open(self.folder / "log", os.O_WRONLY | os.O_CREAT | os.O_APPEND)
        os.dup2(log, 1)
        os.dup2(log, 2)
        for _ in range(self.threads - 1):
            threading.Thread(target=time.sleep, args=(600,), daemon=True).start()
        command.main(["--config", str(self.folder / "vipwarden.yaml")])

    def end(self, number: int = signal.SIGKILL) -> None:
        """End the agent by a signal and wait for that."""
        os.kill(self.agent, number)
        self.wait()

    def wait(self) -> None:
        """Wait for the agent's end, which is by SIGKILL if it takes too long."""
        if not self.until(self.has_ended, _END):
            os.kill(self.agent, signal.SIGKILL)
            os.waitpid(self.agent, 0)
            self.agent = 0
            raise HavocError(f"it did not end: {self.log()}")

    def has_ended(self) -> bool:
        """Return whether the agent has ended."""
        if self.agent and os.waitpid(self.agent, os.WNOHANG)[0]:
            self.agent = 0
        return not self.agent

    def stop_post(self) -> None:
        """Do what systemd does after the end: ExecStopPost."""
        os.waitpid(fork(lambda: bool(relief.fail_closed(self.runtime))), 0)

    def healthy(self) -> int:
        """Return how many files keepalived would take for healthy."""
        found = 0
        with suppress(FileNotFoundError):
            for entry in os.scandir(f"{self.runtime}/track"):
                with suppress(FileNotFoundError):
                    found += not entry.name.startswith(".") and Path(entry.path).read_bytes() == HEALTHY
        return found

    def until(self, what: Callable[[], object], seconds: float) -> bool:
        """Wait until something is true, for so long at most, and look at the agent's loop meanwhile."""
        end = time.monotonic() + seconds
        while not what():
            if self.agent and (own := verdict.read(f"{self.runtime}/verdict/{_OWN}")) is not None:
                self.gap = max(self.gap, own.age)
            if time.monotonic() > end:
                return False
            time.sleep(0.01 if self.count <= 100 else 0.05)
        return True

    def runs(self) -> float:
        """Return how many runs the agent has counted."""
        own = verdict.read(f"{self.runtime}/verdict/{_OWN}")
        return next(m.value for m in own.result.metrics if m.name == "runs") if own is not None else 0

    def watchdogs(self) -> list[int]:
        """Return the watchdogs that are at work."""
        return locks.watchdogs(self.runtime)

    def children(self) -> set[int]:
        """Return the children of the agent: its watchdog, which may not have begun to be one."""
        found: set[int] = set()
        for path in Path(f"/proc/{self.agent}/task").glob("*/children"):
            with suppress(OSError):
                found.update(map(int, path.read_text().split()))
        return found

    def is_guarded(self, since: float) -> bool:
        """Return whether there is one watchdog, and the agent has said later than ``since`` that it has one."""
        own = verdict.read(f"{self.runtime}/verdict/{_OWN}")
        says = own is not None and own.stamp > since + 0.01 and "no watchdog" not in own.result.text
        return says and len(self.children()) == len(self.watchdogs()) == 1

    def log(self) -> str:
        """Return what the agents have said last, but for first runs."""
        with suppress(FileNotFoundError):
            lines = (self.folder / "log").read_text().splitlines()
            return "\n".join([line for line in lines if "first run" not in line][-30:])
        return ""

    def close(self) -> None:
        """Leave nothing behind."""
        for pid in (self.agent, *self.children(), *self.watchdogs()):
            if pid:
                with suppress(ProcessLookupError):
                    os.kill(pid, signal.SIGKILL)
        self.wait()
        for _ in range(200):
            if not self.watchdogs():
                break
            time.sleep(0.01)
        shutil.rmtree(self.folder, ignore_errors=True)


def fork(what: Callable[[], object]) -> int:
    """Do something in a process of its own, and return its number."""
    pid = os.fork()
    if pid == 0:
        try:
            for number in (signal.SIGINT, signal.SIGTERM):
                signal.signal(number, signal.SIG_DFL)
            os.closerange(3, 256)  # who waits for the end of a pipe must not wait for this process
            what()
        finally:
            os._exit(0)
    return pid


def nap(most: float) -> None:
    """Sleep for a random while."""
    time.sleep(random.uniform(0, most))
