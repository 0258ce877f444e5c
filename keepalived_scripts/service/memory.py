"""What does a service's file remember, and how is it kept from lying?

Two lines of text: ``vipwarden-service-1 PHASE BAD TRIED AT GOOD BOOT``, as rules.Memory has them and with the kernel's
boot id, and then the times of the restarts. A file that is torn, from somebody else or from the future is a memory
that was lost: the service is then down until it has been good for a while, and every restart of the window is used up.
"""

from __future__ import annotations

import posix

from keepalived_scripts.service.rules import DOWN, GOOD, TRYING, Limits, Memory
from vipwarden.state import files
from vipwarden.state.clock import boot, wall

_MAGIC = "vipwarden-service-1"
_MOST = 8192
_BOOT = "/proc/sys/kernel/random/boot_id"


class LostError(ValueError):
    """The memory is there and cannot be trusted; the text says why."""


def recall(path: str) -> Memory:
    """Return what is remembered, and a fresh Memory where nothing is; raises LostError."""
    try:
        return _memory(files.read(path, _MOST, closed=True).decode("ascii", "replace"))
    except FileNotFoundError:
        return Memory()
    except OSError as error:
        raise LostError(f"{path} cannot be read: {error.strerror}") from None
    except ValueError as error:
        raise LostError(f"{path} cannot be trusted: {error}") from None


def lost(limits: Limits) -> Memory:
    """Return the memory to go on with where the real one is lost."""
    return Memory(DOWN, tried=True, restarts=(wall(),) * limits.restarts)


def text_of(memory: Memory) -> bytes:
    """Return the file's content."""
    head = f"{_MAGIC} {memory.phase} {memory.bad} {int(memory.tried)} {memory.at:.2f} {memory.good:.2f} {_boot_id()}"
    return f"{head}\n{' '.join(f'{one:.3f}' for one in memory.restarts)}\n".encode()


def write(path: str, data: bytes) -> None:
    """Put the content in place so that a crash leaves the old one or the new one; raises OSError."""
    above = path.rpartition("/")[0]
    for step in (above.rpartition("/")[0], above):
        try:
            posix.mkdir(step, 0o755)
        except FileExistsError:
            pass
    files.write(path, data, durable=True)


def _memory(text: str) -> Memory:
    if not text.endswith("\n"):
        raise ValueError("it is torn")
    head, times = text[:-1].split("\n")
    magic, phase, bad, tried, at, good, of_boot = head.split(" ")
    if magic != _MAGIC or phase not in (GOOD, TRYING, DOWN) or tried not in ("0", "1") or not bad.isdigit():
        raise ValueError("it is not one of ours")
    memory = Memory(phase, bad=int(bad), tried=tried == "1", restarts=tuple(map(_time, times.split())))
    stamps = _time(at), _time(good)
    if phase != GOOD and of_boot == _boot_id():
        if max(stamps) > boot():
            raise ValueError("it is dated into the future")
        memory.at, memory.good = stamps
    return memory


def _time(text: str) -> float:
    value = float(text)
    if not 0 <= value < 1e11:
        raise ValueError("it holds no time")
    return value


def _boot_id() -> str:
    source = posix.open(_BOOT, posix.O_RDONLY | posix.O_CLOEXEC)
    try:
        return posix.read(source, 64).decode("ascii", "replace").strip()
    finally:
        posix.close(source)
