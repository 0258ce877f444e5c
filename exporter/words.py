"""How are numbers and states written for people?"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Callable


class Mark(NamedTuple):
    """A state as the page shows it: ``tone`` (good, warn, bad, unknown or idle) is its colour and sign."""

    tone: str
    word: str


SIGNS = {"good": "✓", "warn": "!", "bad": "✕", "unknown": "?", "idle": "○"}
SEVERITY = ("bad", "unknown", "warn", "idle", "good")


def span(seconds: float) -> str:
    """Return a time in its largest unit, rounded down: 0.4 s, 59 s, 3 min, 5 h, 12 d."""
    if seconds < 0:
        return "?"
    if seconds < 1:
        return f"{seconds:.1f} s"
    for size, unit in ((86400, "d"), (3600, "h"), (60, "min")):
        if seconds >= size:
            return f"{seconds // size:.0f} {unit}"
    return f"{seconds:.0f} s"


def count(value: float) -> str:
    """Return a number with thin spaces between thousands."""
    return f"{value:,.0f}".replace(",", "\u202f")


def size(value: float) -> str:
    """Return bytes with a decimal prefix."""
    for unit in ("B", "kB", "MB", "GB", "TB"):
        if value < 1000 or unit == "TB":
            break
        value /= 1000
    return f"{value:.0f} {unit}" if unit == "B" or value >= 100 else f"{value:.1f} {unit}"


def amount(text: str | None, write: Callable[[float], str] = count) -> str:
    """Return a number that a peer wrote, for people; a dash where there is none."""
    return write(int(text)) if text and text.isdecimal() and len(text) < 20 else "-"
