"""Does keepalived run? A keepalived that is killed leaves its VIPs, and says nothing."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

from vipwarden.events.process import Process
from vipwarden.node.keepalived.find import pid_of, pidfiles
from vipwarden.node.process.procfs import read

if TYPE_CHECKING:
    from vipwarden.events.process import Tell


class Keepalived:
    """The process that keepalived's usual pidfiles name, where there is a keepalived.conf."""

    def __init__(self, conf: str) -> None:
        self._conf = conf
        self._process = Process("keepalived")

    def fileno(self) -> int:
        """Return a descriptor that can be read when it has ended, -1 where there is none."""
        return self._process.fileno()

    def look(self, tell: Tell) -> None:
        """Tell whether it has ended or started; raises nothing."""
        if self._process.has_ended():
            self._process.ended(tell)
        elif not self._process.pid and not os.path.exists(self._conf):  # noqa: PTH110 - cheaper
            return
        for path in pidfiles():
            pid = pid_of(path)
            if pid is not None and _is_keepalived(pid):
                self._process.runs(pid, tell)
                return
        if self._process.pid and self._process.fileno() < 0:  # before Linux 5.3
            self._process.ended(tell)
        self._process.absent()


def _is_keepalived(pid: int) -> bool:
    try:
        return read(f"/proc/{pid}/comm", 64).strip() == b"keepalived"
    except OSError:
        return False
