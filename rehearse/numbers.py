"""Which number is a word of keepalived.conf?"""

from __future__ import annotations


def whole(text: str, default: int) -> int:
    """Return a whole number, or the default."""
    digits = text.removeprefix("-").removeprefix("+")
    return int(text) if digits.isascii() and digits.isdigit() and len(digits) < 7 else default


def milliseconds(text: str, default: int) -> int:
    """Return a number of seconds in ms, or the default."""
    plain = text.isascii() and text.replace(".", "", 1).isdigit() and len(text) < 12
    return min(round(float(text) * 1000), 86_400_000) if plain else default
