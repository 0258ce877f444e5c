"""How do the adverts of a keepalived come in time on a busy machine, and its scripts hold up nothing?

keepalived starts in a real-time class, and so would all that it starts: a script that computes without end would stop
the machine.
"""

from __future__ import annotations

import os
import time
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING

from rehearse.stage.held import PRIORITY, below, children
from rehearse.stage.procs import comm

if TYPE_CHECKING:
    import subprocess

_BEGINS, _SOON = 2.0, 0.1  # seconds in which the processes of keepalived begin
_URGENT = os.SCHED_FIFO | os.SCHED_RESET_ON_FORK


def hurry(keepalived: subprocess.Popen[bytes]) -> None:
    """Let the processes of keepalived alone stay in their class; call it when they start."""
    end = time.monotonic() + _BEGINS
    while keepalived.poll() is None and time.monotonic() < end:
        time.sleep(_SOON)
        for first in children(keepalived.pid):
            own = {it for it in (first, *children(first)) if comm(Path(f"/proc/{it}")).startswith("keepalived")}
            for it in own | {*below(first)}:
                with suppress(OSError):
                    _set_class(it, is_urgent=it in own)


def _set_class(pid: int, *, is_urgent: bool) -> None:
    known = os.sched_getscheduler(pid)
    if is_urgent and known != _URGENT:
        os.sched_setscheduler(pid, _URGENT, os.sched_param(PRIORITY))
    elif not is_urgent and known != os.SCHED_OTHER:
        os.sched_setscheduler(pid, os.SCHED_OTHER, os.sched_param(0))
