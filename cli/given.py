"""How does a track file say FAULT, and never by accident for longer than somebody watches?"""

from __future__ import annotations

import fcntl
import os
import select
import signal
from contextlib import contextmanager
from typing import TYPE_CHECKING

from agent import trackfile
from vipwarden.state import files
from vipwarden.state.handover import FAULT, NORMAL

if TYPE_CHECKING:
    from collections.abc import Iterator

_KEPT = b"k"


class BusyError(Exception):
    """Somebody else hands over; the text says so."""


class GivenError(Exception):
    """The file says FAULT no longer; the text says why."""


@contextmanager
def given(path: str, seconds: float) -> Iterator[None]:
    """Let a track file say FAULT; unless the block ends well within so many seconds, it says NORMAL again.

    A process of its own sees to that, also where this one is killed or stopped. Raises GivenError where it was stopped
    for longer, BusyError, and OSError.
    """
    with locked(path.rpartition("/")[0]):
        guard, keep = _guard(path, seconds)
        try:
            trackfile.write(path, FAULT)
            yield
            try:
                os.write(keep, _KEPT)
            except BrokenPipeError:
                raise GivenError("the command was stopped meanwhile: this node takes the VIP back") from None
        finally:
            os.close(keep)
            os.waitpid(guard, 0)


@contextmanager
def locked(folder: str) -> Iterator[None]:
    """Let nobody else hand over meanwhile; raises BusyError and OSError."""
    files.ready(folder)
    place = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        try:
            fcntl.flock(place, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise BusyError("another vipwarden handover runs on this node: wait for its end") from None
        yield
    finally:
        os.close(place)


def _guard(path: str, seconds: float) -> tuple[int, int]:
    """Start the process that takes FAULT back; return its PID, and the pipe by which it is told to leave it."""
    heard, keep = os.pipe()
    pid = os.fork()
    if pid:
        os.close(heard)
        return pid, keep
    code = 1
    try:
        os.setsid()  # no signal of the terminal
        for number in (signal.SIGHUP, signal.SIGINT, signal.SIGTERM):
            signal.signal(number, signal.SIG_IGN)
        os.close(keep)
        ready, _, _ = select.select([heard], [], [], seconds)
        is_kept = ready and os.read(heard, 1) == _KEPT
        os.close(heard)  # from now on it is too late
        if not is_kept:
            trackfile.fail(path, NORMAL)
        code = 0
    finally:
        os._exit(code)
