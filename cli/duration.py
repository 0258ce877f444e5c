"""How does an operator write how long something lasts?"""

from __future__ import annotations

from vipwarden.state.maintenance import LONGEST

_UNITS = {"s": 1.0, "m": 60.0, "h": 3600.0, "d": 86400.0}


class Duration(float):
    """A duration in seconds, or with units as 30m, 1h30m and 2d, at most 30 days."""

    __slots__ = ()

    def __new__(cls, text: str) -> Duration:
        """Build it from its text; raises ValueError with what is wanted."""
        total, digits = 0.0, ""
        for letter in text if not text.isdecimal() else f"{text}s":
            if letter.isascii() and letter.isdigit():
                digits += letter
            elif letter in _UNITS and 0 < len(digits) < 9:
                total, digits = total + int(digits) * _UNITS[letter], ""
            else:
                total = 0
                break
        if digits or not 0 < total <= LONGEST:
            raise ValueError("a duration of at most 30 days is wanted, such as 90s, 30m, 1h30m or 2d")
        return float.__new__(cls, total)
