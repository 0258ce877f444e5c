"""Which checks have to fail when the agent is lost? A small file beside the verdicts, for ExecStopPost and a successor.

Its first line names the agent that wrote it, by a word that no other agent has: by it a successor whose own watchdog is
ready is known. Each further line is a check: for how many seconds a look at it is valid, the value for its track file
after that (``hold`` where it keeps its value, ``none`` where there is no track file), and the name of its files.
"""

from __future__ import annotations

import posix

from agent.trackfile import fail
from agent.value import HOLD, NONE
from vipwarden.state import files, paths

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable

_HEAD = b"agent "
_WORD = 16  # characters
_LENGTH = len(_HEAD) + _WORD + 1
_MOST_BYTES = 64 << 20


class Guarded:
    """One check as the watchdog knows it."""

    __slots__ = ("file", "limit", "loss")

    def __init__(self, file: str, limit: float, loss: str) -> None:
        self.file = file
        self.limit = limit
        self.loss = loss

    def fail(self, runtime: str) -> bool:
        """Take a healthy value out of the track file; return whether that worked."""
        return self.loss in (HOLD, NONE) or fail(f"{paths.tracks(runtime)}/{self.file}", int(self.loss))


def word() -> str:
    """Return a word that no other agent has, whatever its namespaces."""
    return posix.urandom(_WORD // 2).hex()


def encode(checks: Iterable[Guarded]) -> bytes:
    """Return the lines of the checks."""
    text = "".join(f"{check.limit:.3f} {check.loss} {check.file}\n" for check in checks)
    return text.encode("utf-8", "surrogateescape")


def decode(data: bytes) -> list[Guarded]:
    """Return the checks of such lines; raises ValueError."""
    checks = []
    for line in data.decode("utf-8", "surrogateescape").splitlines():
        limit, loss, file = line.split(" ", 2)
        if "/" in file or not file or (loss not in (HOLD, NONE) and not loss.lstrip("-").isdigit()):
            raise ValueError("the manifest does not hold what an agent wrote")
        checks.append(Guarded(file, float(limit), loss))
    return checks


def write(runtime: str, owner: str, checks: Iterable[Guarded]) -> None:
    """Write the file; raises OSError. A full disk takes it where the checks are as before."""
    head, data = _HEAD + owner.encode("ascii") + b"\n", encode(checks)
    path = paths.agent("guard", runtime)
    try:
        before = _content(runtime)
        if before.startswith(_HEAD) and before[_LENGTH:] == data:
            files.overwrite(path, head)
            return
    except OSError:
        pass  # not there, or not ours: make it anew
    files.write(path, head + data)


def read(runtime: str) -> list[Guarded]:
    """Return the checks in the file, none where there is no file; raises OSError and ValueError."""
    data = _content(runtime)
    if data and not data.startswith(_HEAD):
        raise ValueError(f"{paths.agent('guard', runtime)} does not hold what an agent wrote")
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
        return files.read(paths.agent("guard", runtime), _MOST_BYTES)
    except FileNotFoundError:
        return b""
