"""How far is a rehearsal, and how long will it take?"""

from __future__ import annotations

import sys
from math import ceil
from time import monotonic

_SHORT = 1.0  # seconds within which nothing is said of what is computed


class Progress:
    """A line on the terminal. ``seconds`` is what it will take where that is known before."""

    def __init__(self, count: int, what: str, seconds: float = 0.0) -> None:
        self._count = count
        self._what = what.removesuffix("s") if count == 1 else what
        self._seconds = seconds
        self._begun = monotonic()
        self._is_terminal = sys.stderr.isatty()
        if seconds:
            self._say(f"{count} {self._what}, about {ceil(seconds)} s")

    def show(self, done: int) -> None:
        """Say how far it is."""
        spent = monotonic() - self._begun
        left = max(0.0, self._seconds - spent)
        if not self._seconds:
            if spent < _SHORT:
                return
            left = spent / done * (self._count - done)
        if self._is_terminal:
            self._say(f"{done} of {self._count} {self._what}, about {ceil(left)} s left")

    def end(self) -> None:
        """Remove the line."""
        if self._is_terminal:
            self._say("")

    def _say(self, text: str) -> None:
        sys.stderr.write(f"\r\x1b[K{text}" if self._is_terminal else f"{text}\n")
        sys.stderr.flush()
