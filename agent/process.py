"""Is a process still the same? Its pidfd tells, else its start time."""

from __future__ import annotations

import os
import select
import signal
from pathlib import Path


class Process:
    """A process that runs now: no signal for it reaches a later process of the same PID."""

    def __init__(self, pid: int) -> None:
        """Open it; raises ProcessLookupError where there is none."""
        self.pid = pid
        self.descriptor = -1
        self._start = b""
        try:
            self.descriptor = os.pidfd_open(pid)
        except ProcessLookupError:
            raise
        except (AttributeError, OSError):  # Python or a kernel from before 5.3, a filter, no descriptors left
            self._start = _start(pid)
            if not self._start:
                raise ProcessLookupError(3, f"no process {pid}") from None

    def send(self, number: int) -> None:
        """Send a signal, unless it has ended; raises PermissionError."""
        try:
            if self.descriptor >= 0:
                signal.pidfd_send_signal(self.descriptor, number)
            elif not self.has_ended:
                os.kill(self.pid, number)
        except ProcessLookupError:
            pass

    @property
    def has_ended(self) -> bool:
        """Whether it has ended, whether or not its parent knows."""
        if self.descriptor < 0:
            return _start(self.pid) != self._start
        poll = select.poll()
        poll.register(self.descriptor, select.POLLIN)
        return bool(poll.poll(0))

    def close(self) -> None:
        """Close it."""
        if self.descriptor >= 0:
            os.close(self.descriptor)
            self.descriptor = -1


def _start(pid: int) -> bytes:
    """Return when a process was started, as /proc/PID/stat has it; nothing for an ended process."""
    try:
        words = Path(f"/proc/{pid}/stat").read_bytes().rpartition(b")")[2].split()
        return b"" if words[0] in (b"Z", b"X") else words[19]
    except (OSError, IndexError):
        return b""
