"""Who asks, when keepalived runs several copies at once? One; the others answer with its verdict."""

from __future__ import annotations

import fcntl
import select
from time import monotonic

from vipwarden.core.result import UNKNOWN, Result
from vipwarden.state import files
from vipwarden.state.paths import file_name
from vipwarden.state.standing import standing
from vipwarden.state.verdict import read

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
    files.ready(folder)
    lock = files.lock(f"{folder}/.service.{key}.lock")
    waited = False
    while True:
        taken = True
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            taken = False
        if taken and not waited:
            return lock
        last = read(f"{folder}/{file_name(name)}")
        if last is not None and standing(last, max_age).is_valid:
            raise Busy(last.result)
        if taken:
            return lock
        if monotonic() + _TURN + 0.02 > until:
            raise Busy(Result(UNKNOWN, "another copy is running and left no fresh verdict"))
        waited = True
        select.poll().poll(_TURN * 1000)
