"""A real daemon in the foreground, from its start until it answers, and to its end."""

from __future__ import annotations

import signal
import subprocess
import time
from contextlib import contextmanager
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence
    from pathlib import Path


@contextmanager
def daemon(
    command: Sequence[str], log: Path, answers: Callable[[], bool], stop: int = signal.SIGTERM
) -> Iterator[subprocess.Popen[bytes]]:
    """Run a command whose output goes to ``log``; yields once it answers, and ends it by the signal ``stop``."""
    with log.open("ab") as sink:
        process = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=sink, stderr=sink)
    try:
        until = time.monotonic() + 60
        while not answers():
            assert process.poll() is None, log.read_text(errors="replace")
            assert time.monotonic() < until, log.read_text(errors="replace")
            time.sleep(0.01)
        yield process
    finally:
        process.send_signal(stop)
        try:
            process.wait(10)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
