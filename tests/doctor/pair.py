"""Two real keepalived on a network of their own, whose one log is read while they run."""

from __future__ import annotations

import os
import select
import signal
import subprocess
import time
from contextlib import contextmanager
from typing import TYPE_CHECKING

from tests.commands import program
from tests.doctor.daemon import in_namespace

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

_FILES = "-f {folder}/{name}.conf -p {folder}/{name}.k -r {folder}/{name}.v -b {folder}/{name}.b"
_BOTH = """
ip netns add b
ip link set v1 netns b
ip -n b link set v1 up
ip -n b addr add 192.0.2.8/24 dev v1
ip netns exec b {second} &
exec {first}
"""
_SECONDS = 60


class Log:
    """What both say, from the start."""

    def __init__(self, running: subprocess.Popen[bytes]) -> None:
        self._running = running
        self.text = ""

    def until(self, *texts: str) -> str:
        """Read on until the log has all the texts, in this order after what was read before."""
        end = time.monotonic() + _SECONDS
        begun = len(self.text)
        while not _in_order(self.text[begun:], texts):
            if not self._more(end):
                raise AssertionError(f"keepalived did not say {texts}:\n{self.text}")
        return self.text[begun:]

    def during(self, seconds: float) -> str:
        """Return what is said in this time."""
        begun, end = len(self.text), time.monotonic() + seconds
        while self._more(end):
            pass
        return self.text[begun:]

    def _more(self, end: float) -> bool:
        assert self._running.stdout is not None
        descriptor = self._running.stdout.fileno()
        ready, _, _ = select.select([descriptor], [], [], max(0.0, end - time.monotonic()))
        more = os.read(descriptor, 65536) if ready else b""
        self.text += more.decode("utf-8", "replace")
        return bool(more)


def _in_order(text: str, wanted: tuple[str, ...]) -> bool:
    place = 0
    for one in wanted:
        found = text.find(one, place)
        if found < 0:
            return False
        place = found + len(one)
    return True


@contextmanager
def pair(folder: Path, first: str, second: str) -> Iterator[Log]:
    """Run both, the first on v0, the second on v1 of another node."""
    for name, conf in (("first", first), ("second", second)):
        (folder / f"{name}.conf").write_text(conf, encoding="utf-8")
    keepalived = program("keepalived")
    runs = {
        name: f"{keepalived} -n -l -D -G -P {_FILES.format(folder=folder, name=name)}" for name in ("first", "second")
    }
    (folder / "both.sh").write_text(_BOTH.format(**runs), encoding="utf-8")
    command = in_namespace(f"{program('unshare')} -pf --kill-child --mount-proc sh -e {folder}/both.sh")
    running = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, start_new_session=True)
    try:
        yield Log(running)
    finally:
        os.killpg(running.pid, signal.SIGKILL)
        running.wait()
        if running.stdout is not None:
            running.stdout.close()
