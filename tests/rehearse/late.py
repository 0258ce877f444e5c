"""How late is this machine?"""

from __future__ import annotations

import os
import socket
import struct
import threading
import time

_EVERY = 0.02  # seconds
_RTM_SETLINK, _NLM_F_REQUEST, _NLM_F_ACK = 19, 1, 4
_LOOPBACK = 1
_QUIET = 50  # measurements


class Late(threading.Thread):
    """A thread that measures how long what keepalived does has to wait: for a processor, for the kernel's rtnl lock.

    The lock is one for all network namespaces, and is held for seconds while others make and remove theirs.
    """

    def __init__(self) -> None:
        super().__init__(daemon=True)
        self._seen: list[tuple[float, float]] = []
        self._in_time = 0
        self._quiet = threading.Event()

    def run(self) -> None:
        """Measure until the process ends, with the priority of keepalived."""
        os.sched_setscheduler(0, os.SCHED_FIFO, os.sched_param(10))
        nothing = struct.pack("=BxHiII", socket.AF_UNSPEC, 0, _LOOPBACK, 0, 0)
        head = struct.pack("=IHHII", 16 + len(nothing), _RTM_SETLINK, _NLM_F_REQUEST | _NLM_F_ACK, 0, 0)
        with socket.socket(socket.AF_NETLINK, socket.SOCK_RAW, 0) as kernel:
            while True:
                begun = time.monotonic()
                time.sleep(_EVERY)
                kernel.send(head + nothing)
                kernel.recv(4096)
                late = time.monotonic() - begun - _EVERY
                self._in_time = self._in_time + 1 if late < _EVERY else 0
                if late > _EVERY:
                    self._seen.append((begun, late))
                if self._in_time > _QUIET:
                    self._quiet.set()

    def wait(self) -> None:
        """Wait until nothing was late for a second; at most for a minute."""
        self._quiet.wait(60)

    def most(self, start: float, until: float) -> float:
        """Return the most seconds between two times, 0 where it was in time."""
        return max((late for begun, late in [*self._seen] if start - late < begun < until), default=0.0)
