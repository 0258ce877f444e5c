"""Which lines go to the log, where a client or a file could cause them without end?"""

from __future__ import annotations

from time import monotonic
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable, Hashable

_REMEMBERED, _MOST_LINES = 60.0, 10  # seconds, and lines within them


class SparingLog:
    """Logs the same once a minute, and at most ten lines a minute."""

    def __init__(self, say: Callable[[str], None]) -> None:
        self._say = say
        self._logged: dict[Hashable, float] = {}

    def say(self, text: str) -> None:
        """Log a line, unless it was logged or there are too many."""
        now = monotonic()
        self._logged = {line: when for line, when in self._logged.items() if now - when < _REMEMBERED}
        if text not in self._logged and len(self._logged) < _MOST_LINES:
            self._logged[text] = now
            self._say(text)

    def forget(self) -> None:
        """Log everything anew."""
        self._logged.clear()
