"""What has to fail when the agent is lost? A small file beside the verdicts, for ExecStopPost and the next agent.

Its first line names the agent that wrote it, by a word that no other agent has: so does a successor prove itself, once
its own watchdog is ready. Each further line is a check: for how many seconds its last look speaks, the value to put
into its track file then (``hold`` for one that keeps its value, ``none`` where there is no track file), and the name
of its files.
"""

from __future__ import annotations

import posix

from agent.trackfile import NEW, fail

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable

NAME = "agent.guard"
HOLD, NONE = "hold", "none"
_HEAD = b"agent "
_WORD = 16  # characters
_LENGTH = len(_HEAD) + _WORD + 1


class Guarded:
    """One check as the watchdog knows it."""

    __slots__ = ("file", "limit", "loss")

    def __init__(self, file: str, limit: float, loss: str) -> None:
        self.file = file
        self.limit = limit
        self.loss = loss

    def fail(self, runtime: str) -> bool:
        """Take away what the track file says of a healthy check; return whether that worked."""
        return self.loss in (HOLD, NONE) or fail(f"{runtime}/track/{self.file}", int(self.loss))


def word() -> str:
    """Return a word that no other agent has, whatever its namespaces."""
    return posix.urandom(_WORD // 2).hex()


def encode(guarded: Iterable[Guarded]) -> bytes:
    """Return the lines of the checks."""
    text = "".join(f"{one.limit:.3f} {one.loss} {one.file}\n" for one in guarded)
    return text.encode("utf-8", "surrogateescape")


def decode(data: bytes) -> list[Guarded]:
    """Return the checks of such lines; raises ValueError."""
    found = []
    for line in data.decode("utf-8", "surrogateescape").splitlines():
        limit, loss, file = line.split(" ", 2)
        if "/" in file or not file or (loss not in (HOLD, NONE) and not loss.lstrip("-").isdigit()):
            raise ValueError(f"{NAME} does not hold what an agent wrote")
        found.append(Guarded(file, float(limit), loss))
    return found


def write(runtime: str, owner: str, guarded: Iterable[Guarded]) -> None:
    """Write the file; raises OSError. Where the checks are as before a full disk is no hindrance."""
    head, data = _HEAD + owner.encode("ascii") + b"\n", encode(guarded)
    path = f"{runtime}/{NAME}"
    try:
        before = _content(runtime)
        if before.startswith(_HEAD) and before[_LENGTH:] == data:
            _put(posix.open(path, posix.O_WRONLY | posix.O_NOFOLLOW | posix.O_NONBLOCK | posix.O_CLOEXEC), head)
            return
    except OSError:
        pass  # not there, or not ours: make it anew
    aside = f"{runtime}/.{posix.getpid()}.{NAME}"
    out = posix.open(aside, NEW, 0o644)
    try:
        _put(out, head + data)
        posix.rename(aside, path)
    except OSError:
        posix.unlink(aside)
        raise


def read(runtime: str) -> list[Guarded]:
    """Return the checks in the file, none where there is no file; raises OSError and ValueError."""
    data = _content(runtime)
    if data and not data.startswith(_HEAD):
        raise ValueError(f"{runtime}/{NAME} does not hold what an agent wrote")
    return decode(data[_LENGTH:])


def owner(runtime: str) -> str:
    """Return the word of the agent that wrote the file last, or an empty text where it cannot be known."""
    try:
        head = _content(runtime)[:_LENGTH]
    except OSError:
        return ""
    is_whole = len(head) == _LENGTH and head.startswith(_HEAD)
    return head[len(_HEAD) : -1].decode("ascii", "replace") if is_whole else ""


def _content(runtime: str) -> bytes:
    try:
        source = posix.open(f"{runtime}/{NAME}", posix.O_RDONLY | posix.O_NOFOLLOW | posix.O_NONBLOCK | posix.O_CLOEXEC)
    except FileNotFoundError:
        return b""
    try:
        return b"".join(iter(lambda: posix.read(source, 1 << 20), b""))
    finally:
        posix.close(source)


def _put(out: int, data: bytes) -> None:
    try:
        view = memoryview(data)
        while view:
            view = view[posix.write(out, view) :]
    finally:
        posix.close(out)
