"""A network namespace of a test: programs run in it, and all of them end with it."""

from __future__ import annotations

import json
import os
import subprocess
import time
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

from tests.commands import needs_namespaces, program

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

T = TypeVar("T")


class Namespace:
    """A namespace, and what was started in it."""

    def __init__(self, folder: Path) -> None:
        """Make it, with its loopback up; logs go to ``folder``."""
        self.folder = folder
        self._started = [subprocess.Popen([program("unshare"), "-n", "sleep", "infinity"])]
        self.pid = self._started[0].pid
        until("a namespace", lambda: _space(self.pid) != _space(os.getpid()))
        self.run("ip", "link", "set", "lo", "up")

    def run(self, name: str, *words: str) -> str:
        """Run a program to its end and return what it wrote."""
        done = subprocess.run(self._inside(name, *words), capture_output=True, text=True, check=False, timeout=60)
        assert done.returncode == 0, f"{name} {' '.join(words)}: {done.stderr}"
        return done.stdout

    def start(self, name: str, *words: str, env: Mapping[str, str] | None = None) -> None:
        """Start a program; its log is in the folder."""
        with Path(self.folder, f"{Path(name).name}.log").open("wb") as log:
            self._started.append(
                subprocess.Popen(
                    self._inside(name, *words),
                    stdout=log,
                    stderr=log,
                    cwd=self.folder,
                    env={**os.environ, **(env or {})},
                )
            )

    def ask(self, url: str, **query: str) -> str:
        """Return what a URL answers from inside; nothing while it does not."""
        given = [word for key, value in query.items() for word in ("--data-urlencode", f"{key}={value}")]
        words = self._inside("curl", "--silent", "--fail", "--max-time", "5", "--get", *given, url)
        return subprocess.run(words, capture_output=True, text=True, check=False, timeout=60).stdout

    def json(self, url: str, **query: str) -> Any:
        """Return what a URL answers, as data; None while it does not."""
        return json.loads(self.ask(url, **query) or "null")

    def end(self) -> None:
        """End what runs in it, the last one first."""
        for one in reversed(self._started):
            one.terminate()
            try:
                one.wait(5)
            except subprocess.TimeoutExpired:
                one.kill()
                one.wait()

    def logs(self) -> str:
        """Return the last words of each log."""
        return "\n".join(f"{path}: {path.read_text(errors='replace')[-600:]}" for path in self.folder.glob("*.log"))

    def _inside(self, name: str, *words: str) -> list[str]:
        # nsenter becomes the program, so that a signal reaches it
        path = name if name.startswith("/") else program(name)
        return [program("nsenter"), f"--net=/proc/{self.pid}/ns/net", path, *words]


@contextmanager
def namespace(folder: Path) -> Iterator[Namespace]:
    """Make a namespace, and end it with all that runs in it."""
    needs_namespaces()
    folder.mkdir()
    found = Namespace(folder)
    try:
        yield found
    finally:
        found.end()


def until(what: str, work: Callable[[], T | None], seconds: float = 60, logs: Callable[[], str] = str) -> T:
    """Return what the work gives once that is true."""
    end = time.monotonic() + seconds
    while not (found := work()):
        assert time.monotonic() < end, f"{what} did not come within {seconds} s; {logs()}"
        time.sleep(0.05)
    return found


def _space(pid: int) -> str:
    return str(Path(f"/proc/{pid}/ns/net").readlink())
