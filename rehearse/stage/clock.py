"""How is the clock of the machine stepped, and set right again whatever becomes of the command?

There is one clock for all namespaces. A process outside of them steps it, which knows by CLOCK_BOOTTIME what it would
be. It sets it right when that is asked, when the time for it is over, and when the others have ended, by kill -9 too.
"""

from __future__ import annotations

import ctypes
import errno
import os
import select
import signal
import socket
import struct
import subprocess
import sys
import time
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING

from rehearse.stage.apart import StageError

if TYPE_CHECKING:
    from collections.abc import Iterator

_LIBC = ctypes.CDLL(None, use_errno=True)
_ADJ_TICK = 0x4000
_TIMEX = 512  # bytes: more than struct timex has anywhere
_CODE = str(Path(__file__).parents[2])
_KEEPER = f"import sys; sys.path.insert(0, {_CODE!r}); from rehearse.stage.clock import main; main()"
_LATE = 30  # seconds for which a stage on a busy machine may be late
_ANSWER, _END = 20.0, 60.0
_NAME = "\0vipwarden-rehearse-clock"
_MOST = 100  # bytes
_TRIES = 8
_NEAR = 50_000  # ns


class Clock:
    """The clock of the machine."""

    def __init__(self) -> None:
        self._right = 0  # ns that it is ahead of CLOCK_BOOTTIME when it is right
        self.is_stepped = False

    def read(self) -> int:
        """Return its time in ns since 1970."""
        return time.clock_gettime_ns(time.CLOCK_REALTIME)

    def write(self, now: int) -> None:
        """Set it; raises OSError."""
        time.clock_settime_ns(time.CLOCK_REALTIME, now)

    def step(self, seconds: int) -> None:
        """Let it be wrong by some seconds, right with 0; raises OSError."""
        if not self.is_stepped:
            self._right = self._ahead()
        wanted = self._right + seconds * 10**9
        for _ in range(_TRIES if seconds or self.is_stepped else 0):
            self.write(_boottime() + wanted)
            self.is_stepped = seconds != 0
            if abs(self._ahead() - wanted) < _NEAR:  # else this process did not run in between
                break

    def _ahead(self) -> int:
        """Return how far it is ahead of CLOCK_BOOTTIME, by the readings that took the least time."""
        readings = [(_boottime(), self.read(), _boottime()) for _ in range(_TRIES)]
        before, now, after = min(readings, key=lambda it: it[2] - it[0])
        return now - (before + after) // 2


def _boottime() -> int:
    return time.clock_gettime_ns(time.CLOCK_BOOTTIME)


def keep(asked: socket.socket, clock: Clock) -> None:
    """Step the clock as is asked, ``SECONDS FOR_HOW_LONG`` in each message, until the other end is gone."""
    try:
        _serve(asked, clock)
    finally:
        clock.step(0)


def _serve(asked: socket.socket, clock: Clock) -> None:
    end = 0.0
    while True:
        wait = max(0.0, end - time.monotonic()) if clock.is_stepped else None
        if not select.select([asked], [], [], wait)[0]:
            clock.step(0)
            continue
        message = b""
        with suppress(ConnectionResetError):  # who has ended did not read the last answer
            message = asked.recv(_MOST)
        if not message:
            return
        said = b"ok"
        try:
            by, lasts = map(int, message.split())
            end = time.monotonic() + lasts
            clock.step(by)
        except (OSError, ValueError) as error:
            said = str(error).encode()[:_MOST]
        with suppress(OSError):
            asked.send(said)


def refusal() -> str:
    """Return why the clock cannot be set, nothing where it can.

    The kernel looks at the rights before it refuses a tick of 0 (kernel/time/timekeeping.c): nothing is set.
    """
    timex = ctypes.create_string_buffer(struct.pack("I", _ADJ_TICK), _TIMEX)
    done = _LIBC.adjtimex(timex)
    number = ctypes.get_errno()
    return "" if done < 0 and number == errno.EINVAL else os.strerror(number)


@contextmanager
def kept_clock() -> Iterator[int]:
    """Give the socket by which stages may step the clock; at the end the clock is right. Raises StageError."""
    with ExitStack() as held:
        alone = held.enter_context(socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM))
        try:
            alone.bind(_NAME)  # free when the last process that has it has ended
        except OSError as error:
            raise StageError(f"--step-clock: another rehearsal steps the clock of this machine ({error})") from None
        own, other = map(held.enter_context, socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET))
        null = subprocess.DEVNULL
        keeper = subprocess.Popen(
            [sys.executable, "-I", "-S", "-c", _KEEPER, str(other.fileno())],
            stdin=null,
            stdout=null,
            stderr=null,
            cwd="/",
            pass_fds=[other.fileno(), alone.fileno()],
            start_new_session=True,
        )
        other.close()
        try:
            yield own.fileno()
        finally:
            own.close()
            with suppress(subprocess.TimeoutExpired):
                keeper.wait(_END)
            if keeper.returncode != 0:
                raise StageError("the clock of this machine may be wrong by an hour: who keeps it did not set it right")


def step(asked: int, seconds: int, lasts: float) -> None:
    """Let the clock be wrong by some seconds for as long as a fault lasts, or right with 0; raises OSError."""
    with socket.socket(fileno=os.dup(asked)) as keeper:
        keeper.settimeout(_ANSWER)
        keeper.send(f"{seconds} {round(lasts) + _LATE}".encode())
        said = keeper.recv(_MOST).decode("utf-8", "replace")
    if said != "ok":
        raise OSError(f"the clock was not stepped: {said or 'who keeps it has ended'}")


def main() -> None:
    """Keep the clock for the socket that the command line names: no signal but SIGKILL ends it before its time."""
    for it in (signal.SIGHUP, signal.SIGINT, signal.SIGTERM):
        signal.signal(it, signal.SIG_IGN)
    with socket.socket(fileno=int(sys.argv[1])) as asked:
        keep(asked, Clock())


if __name__ == "__main__":
    main()
