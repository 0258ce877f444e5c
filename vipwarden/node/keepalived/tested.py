"""What does keepalived itself say of a configuration? Asked by ``keepalived -t``, which starts nothing."""

from __future__ import annotations

import os
import select
import signal
import subprocess
from time import monotonic
from typing import IO, NamedTuple

_MOST = 1 << 20  # bytes
_ENDING = 0.5  # seconds from the end of its output to its own


class Tested(NamedTuple):
    """What it says, its exit code, None if it did not end in time, and whether it says more than is read."""

    text: str
    code: int | None
    is_cut: bool


def test(program: str, path: str, config_id: str | None, seconds: float) -> Tested:
    """Have a configuration tested, in so many seconds; raises OSError."""
    running = subprocess.Popen(  # noqa: S603 - at a fixed place
        [program, "-t", "-l", "-f", path, *(["-i", config_id] if config_id else [])],
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        env={"LC_ALL": "C", "PATH": "/usr/sbin:/usr/bin:/sbin:/bin"},
        start_new_session=True,
    )
    end = monotonic() + seconds
    code = None
    with running:
        data, is_whole = _read(running.stdout, end)
        try:
            code = running.wait(max(_ENDING, end - monotonic())) if is_whole else None
        except subprocess.TimeoutExpired:
            pass  # it has closed its output, and goes on
        if code is None:
            os.killpg(running.pid, signal.SIGKILL)
    return Tested(data.decode("utf-8", "replace"), code, len(data) >= _MOST)


def _read(source: IO[bytes] | None, end: float) -> tuple[bytes, bool]:
    """Return the output until ``end``, of a bounded length, and whether it is complete."""
    data, chunk = b"", b"" if source is None else b"more"
    while chunk and source is not None and len(data) < _MOST:
        if not select.select([source], [], [], max(0.0, end - monotonic()))[0]:
            break
        chunk = os.read(source.fileno(), 65536)
        data += chunk
    return data[:_MOST], not chunk
