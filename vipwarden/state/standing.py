"""How does a verdict stand: does it still count, and what does it say then?

A verdict with a TTL is valid for so long and unknown afterwards: whoever was to follow it by another has not. One
without, of a single run, is fresh for a minute and past afterwards; after a quarter of an hour it is left over, is no
longer shown, and is swept away.
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
    """How a verdict stands: a ``word`` of those above, and the ``state`` and ``text`` that count for it now."""

    __slots__ = ("state", "text", "word")

    def __init__(self, word: str, state: State, text: str) -> None:
        self.word = word
        self.state = state
        self.text = text

    @property
    def is_valid(self) -> bool:
        """Whether its own state and metrics count: it is neither stale, nor from the future, nor gone."""
        return self.word not in (STALE, FUTURE, GONE)


def standing(verdict: Verdict | None, max_age: float = 0) -> Standing:
    """Return how a verdict, or None for a missing one, stood when it was read.

    ``max_age`` is for how many seconds an operator lets it count, in place of its own TTL.
    """
    if verdict is None:
        return Standing(GONE, UNKNOWN, "has no verdict yet")
    said, age, ttl = verdict.result, verdict.age, max_age or verdict.ttl
    if age < 0:
        return Standing(FUTURE, UNKNOWN, f"it is dated in the future; it said {said.state}: {said.text}")
    if ttl and age > ttl:
        return Standing(STALE, UNKNOWN, f"no verdict for {_span(age)}; it was {said.state}: {said.text}")
    word = FRESH if ttl or age <= _FRESH_FOR else PAST if age <= LEFT_AFTER else LEFT
    return Standing(word, said.state, said.text)


def _span(seconds: float) -> str:
    for unit, size in (("d", 86400), ("h", 3600), ("min", 60)):
        if seconds >= 2 * size:
            return f"{int(seconds / size)} {unit}"
    return f"{int(seconds)} s"
