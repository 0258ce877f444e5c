"""Run the agent as its users do: the command, with a configuration and a runtime folder of its own."""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import threading
import time
from pathlib import Path
from typing import TYPE_CHECKING

from tests.commands import BIN, environment
from vipwarden.state import paths, verdict

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence

    from vipwarden.state.verdict import Verdict


class Running:
    """An agent at work; ``said`` are its lines so far."""

    def __init__(self, folder: Path, process: subprocess.Popen[str]) -> None:
        self.folder = folder
        self.runtime = folder / "run"
        self.process = process
        self.said: list[str] = []
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._reader.start()

    def _read(self) -> None:
        assert self.process.stdout is not None
        for line in self.process.stdout:
            self.said.append(line.rstrip("\n"))

    def configure(self, text: str) -> None:
        """Change the configuration and have it read."""
        (self.folder / "vipwarden.yaml").write_text(text)
        self.process.send_signal(signal.SIGHUP)

    def verdict(self, name: str) -> Verdict | None:
        """Return the verdict on a check."""
        return verdict.read(f"{self.runtime}/verdict/{paths.file_name(name)}")

    def state(self, name: str) -> str:
        """Return the state of a check, or an empty text."""
        found = self.verdict(name)
        return str(found.result.state) if found is not None else ""

    def value(self, name: str) -> str:
        """Return what stands in a track file, or an empty text."""
        with contextlib.suppress(FileNotFoundError):
            return (self.runtime / "track" / paths.file_name(name)).read_text().strip()
        return ""

    def must_come(self, what: Callable[[], object], seconds: float = 60) -> float:
        """Wait for something, and return the seconds that it took."""
        begun = time.monotonic()
        while not what():
            assert time.monotonic() < begun + seconds, "\n".join(self.said)
            time.sleep(0.005)
        return time.monotonic() - begun

    def has_said(self, text: str) -> bool:
        """Return whether a line of the agent holds the text."""
        return any(text in line for line in self.said)

    def watchdogs(self) -> list[int]:
        """Return the processes that watch over this runtime folder."""
        return watchdogs(self.runtime)

    def end(self, number: int = signal.SIGTERM) -> None:
        """End the agent by a signal and wait for that."""
        self.process.send_signal(number)
        self.process.wait(timeout=60)
        self._reader.join()


def watchdogs(runtime: Path) -> list[int]:
    """Return the processes that watch over a runtime folder."""
    found = []
    for path in Path("/proc").glob("[0-9]*/cmdline"):
        with contextlib.suppress(OSError):
            words = path.read_bytes().split(b"\0")
            if str(runtime).encode() in words and b"agent.watchdog" in words[3:4][0]:
                found.append(int(path.parent.name))
    return found


@contextlib.contextmanager
def agent(
    folder: Path,
    text: str,
    *,
    before: Sequence[str] = (),
    env: Mapping[str, str] | None = None,
    command: Sequence[str] = ("agent",),
    vipwarden: Path = BIN / "vipwarden",
) -> Iterator[Running]:
    """Run an agent until the end of the block, after which neither it nor a watchdog is left."""
    configuration = folder / "vipwarden.yaml"
    configuration.write_text(text)
    (folder / "run").mkdir(exist_ok=True)
    line = [*before, str(vipwarden), *command, "--config", str(configuration)]
    everything = {**environment(folder), **(env or {})}
    with subprocess.Popen(
        line, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, env=everything, text=True, errors="replace"
    ) as process:
        running = Running(folder, process)
        try:
            yield running
        finally:
            with contextlib.suppress(ProcessLookupError):
                process.kill()
            process.wait()
            running._reader.join()
            for pid in running.watchdogs():
                with contextlib.suppress(ProcessLookupError):
                    os.kill(pid, signal.SIGKILL)
