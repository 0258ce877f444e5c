"""What does a service's file remember, and how is it protected from damage and from a second copy?

Two lines of text: ``vipwarden-service-1 PHASE BAD TRIED AT GOOD BOOT``, the fields of rules.Memory and the kernel's
boot id, and then the times of the restarts. If the file is torn, belongs to another user or is dated in the future,
the memory is lost: the service is down until it has been good for a while, and all restarts of the window are used.
"""

from __future__ import annotations

import fcntl
import posix
import select

from keepalived_scripts.service.rules import DOWN, GOOD, TRYING, Limits, Memory
from vipwarden.core.result import OK, UNKNOWN, WARNING, Result
from vipwarden.net.oneshot import within
from vipwarden.net.stream import NetError
from vipwarden.state import files
from vipwarden.state.clock import boot, boot_id, monotonic, wall
from vipwarden.state.paths import file_name
from vipwarden.state.standing import standing
from vipwarden.state.verdict import read

_MAGIC = "vipwarden-service-1"
_MOST = 8192
_LATELY = 60  # seconds after a healthy verdict in which a service may have fall and grace
_TURN = 0.01  # seconds between two tries to get the lock


class LostError(ValueError):
    """The memory exists but cannot be trusted; the text says why."""


class Busy(Exception):  # noqa: N818 - no error: another copy has the answer
    """Another copy runs, or just did; ``result`` is its answer."""

    def __init__(self, result: Result) -> None:
        super().__init__(result.text)
        self.result = result


def lock(folder: str, key: str, name: str, max_age: float, until: float) -> int:
    """Return the lock of a service as a descriptor, which a child shares; raises Busy, or OSError without a lock.

    While another copy holds the lock this copy answers with the last fresh verdict, or waits for it: at a start two
    instances of keepalived run the script at the same time, and a single failure counts at once.
    """
    files.ready(folder)
    descriptor = files.lock(f"{folder}/.service.{key}.lock")
    waited = False
    while True:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
            taken = True
        except BlockingIOError:
            taken = False
        if taken and not waited:
            return descriptor
        last = read(f"{folder}/{file_name(name)}")
        if last is not None and standing(last, max_age).is_valid:
            raise Busy(last.result)
        if taken:
            return descriptor
        if monotonic() + _TURN + 0.02 > until:
            raise Busy(Result(UNKNOWN, "another copy is running and left no fresh verdict"))
        waited = True
        select.poll().poll(_TURN * 1000)


def was_healthy(folder: str, name: str) -> bool:
    """Return whether a service was healthy lately; otherwise, as when keepalived starts, there is no VIP to keep."""
    last = standing(read(f"{folder}/{file_name(name)}"), _LATELY)
    return last.is_valid and last.state in (OK, WARNING)


def recall(path: str, seconds: float) -> Memory:
    """Return the memory, a new memory if there is no file; raises LostError, and NetError after so many seconds."""
    try:
        data = within(seconds, path, lambda: files.read(path, _MOST, closed=True))
        return _memory(data.decode("ascii", "replace"))
    except FileNotFoundError:
        return Memory()
    except NetError:
        raise
    except OSError as error:
        raise LostError(f"{path} cannot be read: {error.strerror}") from None
    except ValueError as error:
        raise LostError(f"{path} cannot be trusted: {error}") from None


def lost(limits: Limits) -> Memory:
    """Return the memory to continue with after a loss."""
    return Memory(DOWN, tried=True, restarts=(wall(),) * limits.restarts)


def text_of(memory: Memory) -> bytes:
    """Return the file's content."""
    head = f"{_MAGIC} {memory.phase} {memory.bad} {int(memory.tried)} {memory.at:.2f} {memory.good:.2f} {boot_id()}"
    return f"{head}\n{' '.join(f'{restart:.3f}' for restart in memory.restarts)}\n".encode()


def write(path: str, data: bytes, *, durable: bool = True) -> None:
    """Replace the file so that a crash leaves the old or the new content; raises OSError.

    ``durable`` waits until the disk has it.
    """
    above = path.rpartition("/")[0]
    for step in (above.rpartition("/")[0], above):
        try:
            posix.mkdir(step, 0o755)
        except FileExistsError:
            pass
    files.write(path, data, durable=durable)


def _memory(text: str) -> Memory:
    if not text.endswith("\n"):
        raise ValueError("it is torn")
    head, times = text[:-1].split("\n")
    magic, phase, bad, tried, at, good, of_boot = head.split(" ")
    if magic != _MAGIC or phase not in (GOOD, TRYING, DOWN) or tried not in ("0", "1") or not bad.isdigit():
        raise ValueError("it has another format")
    memory = Memory(phase, bad=int(bad), tried=tried == "1", restarts=tuple(map(_time, times.split())))
    stamps = _time(at), _time(good)
    if phase != GOOD and of_boot == boot_id():
        if max(stamps) > boot():
            raise ValueError("it is dated in the future")
        memory.at, memory.good = stamps
    return memory


def _time(text: str) -> float:
    value = float(text)
    if not 0 <= value < 1e11:
        raise ValueError("it holds no time")
    return value
