"""Does keepalived run? A keepalived that is killed leaves its VIPs, and says nothing."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

from vipwarden.events.process import Process
from vipwarden.node.keepalived.find import pid_of, pidfiles

if TYPE_CHECKING:
    from collections.abc import Iterable

    from vipwarden.events.process import Tell


class Keepalived:
    """The process that keepalived's usual pidfiles name, where there is a keepalived.conf."""

    least = most = 60.0

    def __init__(self, conf: str) -> None:
        self._conf = conf
        self._process = Process("keepalived", b"keepalived")

    @property
    def is_there(self) -> bool:
        """Whether it runs; who starts it moves a VIP or a state soon, which is seen at once."""
        return bool(self._process.pid)

    def descriptors(self) -> Iterable[int]:
        """Return a descriptor that can be read when it has ended."""
        return self._process.descriptors()

    def look(self, tell: Tell) -> None:
        """Tell whether it has ended or started; raises nothing."""
        if self._process.has_ended():
            self._process.ended(tell)
        if self._process.descriptors():  # which tells of its end
            return
        if not self._process.pid and not os.path.exists(self._conf):  # noqa: PTH110 - cheaper
            return
        for path in pidfiles():
            pid = pid_of(path)
            if pid is not None and self._process.runs(pid, tell):
                return
        self._process.absent()
