"""Does a verdict still count?

A verdict with a TTL is valid for that time and UNKNOWN afterwards, as its writer is overdue. The verdict of a single
run has no TTL: it is fresh for a minute, then past, and after 15 minutes left over, no longer shown, and removed.
"""

from __future__ import annotations

from vipwarden.core.result import UNKNOWN

TYPE_CHECKING = False
if TYPE_CHECKING:
    from vipwarden.core.result import State
    from vipwarden.state.verdict import Verdict

FRESH, PAST, LEFT, STALE, FUTURE, GONE = "fresh", "past", "left over", "stale", "from the future", "gone"
_FRESH_FOR = 60.0  # seconds, without a TTL
LEFT_AFTER = 900.0  # seconds, without a TTL


class Standing:
    """The standing of a verdict: a ``word`` of those above, and the ``state`` and ``text`` that count now."""

    __slots__ = ("state", "text", "word")

    def __init__(self, word: str, state: State, text: str) -> None:
        self.word = word
        self.state = state
        self.text = text

    @property
    def is_valid(self) -> bool:
        """Whether the verdict's own state and metrics count."""
        return self.word not in (STALE, FUTURE, GONE)


def standing(verdict: Verdict | None, max_age: float = 0) -> Standing:
    """Return the standing of a verdict (None: missing) when it was read; ``max_age`` (s) replaces its TTL."""
    if verdict is None:
        return Standing(GONE, UNKNOWN, "has no verdict yet")
    said, age, ttl = verdict.result, verdict.age, max_age or verdict.ttl
    if age < 0:
        return Standing(FUTURE, UNKNOWN, f"it is dated in the future; it said {said.state}: {said.text}")
    if ttl and age > ttl:
        return Standing(STALE, UNKNOWN, f"no verdict for {_span(age)}; it was {said.state}: {said.text}")
    word = FRESH if ttl or age <= _FRESH_FOR else PAST if age <= LEFT_AFTER else LEFT
    why = verdict.maintenance or verdict.held
    text = f"{why}: {said.text}" if why else said.text
    return Standing(word, said.state, text)


def _span(seconds: float) -> str:
    for unit, size in (("d", 86400), ("h", 3600), ("min", 60)):
        if seconds >= 2 * size:
            return f"{int(seconds / size)} {unit}"
    return f"{int(seconds)} s"
