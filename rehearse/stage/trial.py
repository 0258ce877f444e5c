"""Does a script succeed in a node, and what does it print if not?"""

from __future__ import annotations

import os
import signal
import subprocess
import threading
from contextlib import suppress
from tempfile import TemporaryFile
from typing import TYPE_CHECKING

from rehearse.stage.held import below
from rehearse.stage.view import user_of

if TYPE_CHECKING:
    from collections.abc import Sequence

    from rehearse.stage.node import Node

_SHORTEST, _LONGEST = 2.0, 12.0  # seconds for one run
_READ = 2000  # bytes of what it printed last
_SAID = 160


class Trial:
    """Runs of the scripts of one node. ``cpu`` are the seconds of CPU that the last run took."""

    def __init__(self, node: Node) -> None:
        self._node = node
        self.cpu = 0.0

    def run(self, name: str, argv: Sequence[str]) -> tuple[bool, str]:
        """Run a script as keepalived does; return whether it succeeds, and in words what came of it."""
        words = self._node.given["users"].get(name) or []
        user = user_of(self._node.root, words)
        if user is None:
            return False, f"keepalived knows no user {' '.join(words)}"
        seconds = min(max(_SHORTEST, self._node.given["timeouts"].get(name, 0.0)), _LONGEST)
        with TemporaryFile(dir="/run") as output:
            command = self._node.held.command(*argv, user=user)
            ran = subprocess.Popen(
                command, stdin=subprocess.DEVNULL, stdout=output, stderr=output, start_new_session=True
            )
            is_late = threading.Event()
            late = threading.Timer(seconds, _kill, (ran.pid, is_late))
            late.start()
            _, status, usage = os.wait4(ran.pid, 0)
            late.cancel()
            code = ran.returncode = os.waitstatus_to_exitcode(status)
            self.cpu = usage.ru_utime + usage.ru_stime
            output.seek(max(0, output.seek(0, 2) - _READ))
            lines = output.read().decode("utf-8", "replace").split("\n")
        if is_late.is_set():
            return False, f"it does not end within {seconds:g} s"
        last = next((it.strip() for it in reversed(lines) if it.strip()), "")[:_SAID]
        ended = f"it exits with {code}" if code >= 0 else f"it is ended by signal {-code}"
        return code == 0, f"{ended}: {last}" if last else ended


def _kill(pid: int, is_late: threading.Event) -> None:
    is_late.set()
    for it in (*below(pid), pid):
        with suppress(ProcessLookupError):
            os.kill(it, signal.SIGKILL)
