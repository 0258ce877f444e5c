"""Is each part of a service healthy? They share one deadline."""

from __future__ import annotations

from time import monotonic

from keepalived_scripts.service.words import Words
from vipwarden.core.options import UsageError
from vipwarden.core.registry import names
from vipwarden.core.result import CRITICAL, OK, WARNING, Result
from vipwarden.net.oneshot import Command

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from typing import TypeAlias

    Part: TypeAlias = Callable[[float], Result]  # asks within so many seconds


def no_front_end() -> None:
    """Add no options to those of a check."""


class Ask:
    """One of our checks with its options, such as ``port -H 127.0.0.1 -p 80``."""

    __slots__ = ("command", "words")

    def __init__(self, text: str) -> None:
        """Build it from its text; raises ValueError with what is wrong."""
        self._set(Words(text))

    def _set(self, words: tuple[str, ...]) -> None:
        self.words = words
        if words[0] not in names():
            raise ValueError(f"there is no check {words[0]!r}; there are {', '.join(names())}")
        try:
            self.command = Command(words[0], words[0], no_front_end, words[1:])
        except UsageError as error:
            raise ValueError(f"{words[0]}: {error}") from None

    @classmethod
    def of(cls, *words: str) -> Ask:
        """Build it from its words; raises ValueError with what is wrong."""
        made = cls.__new__(cls)
        made._set(words)
        return made

    def __str__(self) -> str:
        return " ".join(self.words)

    def __call__(self, seconds: float) -> Result:
        """Ask it."""
        command = self.command
        command.timeout = command.values["timeout"] = min(command.timeout, seconds)
        return command.run()[0]


def ask(parts: Sequence[Part], until: float) -> Result:
    """Return the worst of the parts' results, with the words of all that are as bad; each has its share of time."""
    results = []
    for index, part in enumerate(parts):
        results.append(part(max(0.001, (until - monotonic()) / (len(parts) - index))))
    state = max(result.state for result in results)
    texts = [result.text for result in results if result.state != OK] or [result.text for result in results]
    # nothing that could not be asked may pass for seen to be bad, nor hide what was
    seen = CRITICAL if any(result.state == CRITICAL for result in results) else state
    expired = all(result.expired for result in results if result.state not in (OK, WARNING))
    return Result(seen, "; ".join(texts), expired=expired and seen != OK)
