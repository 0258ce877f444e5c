"""Who asks, when keepalived runs several copies at once? One; the others answer with its verdict."""

from __future__ import annotations

import fcntl
import posix
import select
from time import monotonic

from vipwarden.core.result import UNKNOWN, Result
from vipwarden.state import verdict

_TURN = 0.01  # seconds between two looks at the lock


class Busy(Exception):  # noqa: N818 - no error: another copy has the answer
    """Another copy asks, or just did; ``result`` is its answer."""

    def __init__(self, result: Result) -> None:
        super().__init__(result.text)
        self.result = result


def single(folder: str, key: str, name: str, max_age: float, until: float) -> int:
    """Return the lock of a service as a descriptor, which a child shares; raises Busy, or OSError without a lock.

    A copy that finds the lock taken answers with the last verdict that is fresh, and waits for one where there is
    none: at a start two instances of keepalived ask at the same time, and one failure acts at once there.
    """
    verdict.ready(folder)
    flags = posix.O_RDWR | posix.O_CREAT | posix.O_CLOEXEC | posix.O_NOFOLLOW
    lock = posix.open(f"{folder}/.service.{key}.lock", flags, 0o600)
    waited = False
    while True:
        taken = True
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            taken = False
        if taken and not waited:
            return lock
        last = verdict.read(f"{folder}/{verdict.file_name(name)}")
        if last is not None and last.is_fresh(max_age):
            raise Busy(last.result)
        if taken:
            return lock
        if monotonic() + _TURN + 0.02 > until:
            raise Busy(Result(UNKNOWN, "another copy is running and left no fresh verdict"))
        waited = True
        select.poll().poll(_TURN * 1000)
