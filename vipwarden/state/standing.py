"""How does a verdict stand: does it still say anything, and what does it say then?

The one place that decides it, for the metrics, the page and ``vipwarden status``. Who promised a next verdict and broke
the promise is not to be believed any more. Where nobody promised anything, a verdict is one of now for a minute, then
of the past, and after a quarter of an hour it is left over: it leaves the metrics and the page, and is swept away by
the next check that is new.
"""

from __future__ import annotations

import posix
from time import time

from vipwarden.core.result import UNKNOWN

TYPE_CHECKING = False
if TYPE_CHECKING:
    from vipwarden.core.result import State
    from vipwarden.state.verdict import Verdict

FRESH, PAST, LEFT, STALE, FUTURE = "fresh", "past", "left over", "stale", "from the future"
_OF_NOW = 60.0  # seconds for which a verdict is one of now that nobody has promised to follow by another
LEFT_AFTER = 900.0  # seconds after which such a verdict is left over


class Standing:
    """How a verdict stands: a ``word`` of those above, and the ``state`` and ``text`` that count for it now."""

    __slots__ = ("state", "text", "word")

    def __init__(self, word: str, state: State, text: str) -> None:
        self.word = word
        self.state = state
        self.text = text

    @property
    def is_believed(self) -> bool:
        """Whether it still says what it said: no promise of it was broken, nor does it come from the future."""
        return self.word not in (STALE, FUTURE)


def standing(verdict: Verdict) -> Standing:
    """Return how a verdict stood when it was read."""
    said, age = verdict.result, verdict.age
    if age < 0:
        return Standing(FUTURE, UNKNOWN, f"it is dated into the future; it said {said.state}: {said.text}")
    if verdict.promise:
        if age <= verdict.promise:
            return Standing(FRESH, said.state, said.text)
        return Standing(STALE, UNKNOWN, f"no verdict for {_span(age)}; it was {said.state}: {said.text}")
    word = FRESH if age <= _OF_NOW else PAST if age <= LEFT_AFTER else LEFT
    return Standing(word, said.state, said.text)


def _span(seconds: float) -> str:
    for unit, size in (("d", 86400), ("h", 3600), ("min", 60)):
        if seconds >= 2 * size:
            return f"{int(seconds / size)} {unit}"
    return f"{int(seconds)} s"


def sweep(folder: str) -> None:
    """Remove what is left over in a folder, with its locks; what cannot be removed stays.

    A file that was written lately is not even read, for a folder may hold thousands.
    """
    from vipwarden.state.verdict import read

    try:
        names = posix.listdir(folder)
    except OSError:
        return
    long_ago = time() - LEFT_AFTER
    for name in names:
        path = f"{folder}/{name}"
        try:
            if name.startswith(".") or posix.lstat(path).st_mtime > long_ago:
                continue
            found = read(path)
            if found is None or found.promise or 0 <= found.age <= LEFT_AFTER:
                continue
            posix.unlink(path)
            posix.unlink(f"{folder}/.{name}.lock")
        except OSError:
            continue
