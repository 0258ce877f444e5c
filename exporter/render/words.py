"""How are numbers, times and states written?"""

from __future__ import annotations

import re
from time import localtime, strftime
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Callable


class Mark(NamedTuple):
    """A state on the page; ``tone``, a key of SIGNS, is its colour and sign."""

    tone: str
    word: str

    @property
    def state(self) -> str:
        """The state without what is on the way: UP of ``UP 1/3``, MAINT of ``MAINT (via web/1)``."""
        word, _, last = self.word.partition(" (")[0].rpartition(" ")
        return word if word and "/" in last else f"{word} {last}".strip()


# colours of HAProxy's own page
SIGNS = {
    "bad": "✕",
    "rising": "↑",
    "unknown": "?",
    "warn": "!",
    "drain": "↓",
    "maint": "‖",
    "idle": "○",
    "backup": "✓",
    "good": "✓",
}
SEVERITY = {tone: place for place, tone in enumerate(SIGNS)}
WRONG = ("bad", "rising", "unknown", "warn")


# controls, and what is not seen or turns the direction of what is around it
_UNSEEN = re.compile("[\x00-\x1f\x7f-\x9f\u061c\u200b-\u200f\u2028-\u202e\u2060-\u206f\ufeff]+")


def plain(text: str) -> str:
    """Return a text of the node as one that can be seen: a name cannot change what is written beside it."""
    return text if text.isprintable() else _UNSEEN.sub(" ", text)


def span(seconds: float) -> str:
    """Return a duration in its largest unit, rounded down: 0.4 s, 59 s, 3 min, 5 h, 12 d."""
    if seconds < 0:
        return "?"
    if seconds < 1:
        return f"{seconds:.1f} s"
    for size, unit in ((86400, "d"), (3600, "h"), (60, "min")):
        if seconds >= size:
            return f"{seconds // size:.0f} {unit}"
    return f"{int(seconds)} s"


def lasting(since: float, now: float) -> str:
    """Return how long something has lasted, ``?`` if by a clock that was set back it is yet to begin."""
    return span(max(0.0, now - since) if now - since > -1 else -1)


def moment(epoch: float) -> str:
    """Return a time in seconds of the epoch as local date and time."""
    try:
        return strftime("%Y-%m-%d %H:%M:%S", localtime(epoch))
    except (OverflowError, OSError, ValueError):
        return "?"


def zone(epoch: float) -> str:
    """Return how far local time is from UTC at a time in seconds of the epoch: UTC, +08:00."""
    offset = strftime("%z", localtime(epoch))
    return f"{offset[:3]}:{offset[3:]}" if offset.strip("+-0") else "UTC"


def count(value: float) -> str:
    """Return a number with thin spaces between thousands, from ten million with a prefix."""
    for unit, size, least in (("P", 1e15, 1e15), ("T", 1e12, 1e12), ("G", 1e9, 1e9), ("M", 1e6, 1e7)):
        if value >= least:
            return f"{value / size:.1f} {unit}"
    return f"{value:,.0f}".replace(",", "\u202f")


def short(value: float) -> str:
    """Return a number for a narrow column, where a cut one would be another number: 9 999, 54 k, 1.2 M."""
    for unit, size, least in (("P", 1e15, 1e15), ("T", 1e12, 1e12), ("G", 1e9, 1e9), ("M", 1e6, 1e6), ("k", 1e3, 1e4)):
        if value >= least:
            return f"{value / size:.0f} {unit}" if value >= 9.95 * size else f"{value / size:.1f} {unit}"
    return count(value)


def size(value: float) -> str:
    """Return bytes with a decimal prefix."""
    for unit in ("B", "kB", "MB", "GB", "TB", "PB", "EB"):
        if value < 1000 or unit == "EB":
            break
        value /= 1000
    return f"{value:.0f} {unit}" if unit == "B" or value >= 100 else f"{value:.1f} {unit}"


def speed(value: float | None, write: Callable[[float], str] = count) -> str:
    """Return a number per second, a small number with a decimal place; a dash for None."""
    if value is None:
        return "-"
    text = f"{value:.1f}".removesuffix(".0") if value < 10 and write is count else write(value)
    return f"{text}/s"


def amount(text: str | None, write: Callable[[float], str] = count) -> str:
    """Return the number in a text, as written by ``write``; a dash for other texts."""
    return write(int(text)) if text and text.isdecimal() and len(text) < 20 else "-"


def number(text: str | None) -> int:
    """Return the number in a text, 0 for other texts."""
    return int(text) if text and text.isdecimal() and len(text) < 20 else 0


def things(number: int, singular: str, plural: str = "") -> str:
    """Return ``1 server`` or ``2 servers``."""
    return f"{count(number)} {singular if number == 1 else plural or singular + 's'}"
