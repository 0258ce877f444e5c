"""Is each part of a service healthy? A part is a check with its options; all parts share one deadline."""

from __future__ import annotations

from time import monotonic

from vipwarden.core.options import UsageError
from vipwarden.core.registry import names
from vipwarden.core.result import CRITICAL, OK, WARNING, Result
from vipwarden.core.words import Words
from vipwarden.net.oneshot import Command

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from typing import TypeAlias

    Part: TypeAlias = Callable[[float], Result]  # runs for at most so many seconds


class Ask:
    """A check with its options, such as ``port -H 127.0.0.1 -p 80``."""

    __slots__ = ("command", "words")

    def __init__(self, text: str | tuple[str, ...]) -> None:
        """Build it from its text or words; raises ValueError with what is wrong."""
        self.words = words = Words(text) if isinstance(text, str) else text
        if words[0] not in names():
            raise ValueError(f"there is no check {words[0]!r}; there are {', '.join(names())}")
        try:
            self.command = Command(words[0], words[0], lambda: None, words[1:])
        except UsageError as error:
            raise ValueError(f"{words[0]}: {error}") from None

    def __str__(self) -> str:
        return " ".join(self.words)

    def __call__(self, seconds: float) -> Result:
        """Run the check."""
        command = self.command
        command.timeout = command.values["timeout"] = min(command.timeout, seconds)
        return command.run()[0]


def ask(parts: Sequence[Part], until: float) -> Result:
    """Run all parts, each with its share of the time; return the worst result, with the texts of all bad parts."""
    results = []
    for index, part in enumerate(parts):
        results.append(part(max(0.001, (until - monotonic()) / (len(parts) - index))))
    state = max(result.state for result in results)
    texts = [result.text for result in results if result.state != OK] or [result.text for result in results]
    # a check that could not run (UNKNOWN) proves no failure, but must not hide a failure
    state = CRITICAL if any(result.state == CRITICAL for result in results) else state
    expired = all(result.expired for result in results if result.state not in (OK, WARNING))
    return Result(state, "; ".join(texts), expired=expired and state != OK)
