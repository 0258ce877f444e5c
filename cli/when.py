"""Which time does an operator mean who writes 03:00?"""

from __future__ import annotations

from math import isfinite
from time import localtime, mktime, strftime, strptime, time
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from time import struct_time
    from typing import Self

DAY = "%Y-%m-%d"


class When(float):
    """A time in seconds of the epoch, of 03:00, 03:00:04.5, 2026-01-31, "2026-01-31 03:00" or @1700000000.

    ``of_day`` is whether the text has no day.
    """

    __slots__ = ("of_day",)
    of_day: bool

    def __new__(cls, text: str | float) -> Self:
        """Build it from its text; raises ValueError with what is wanted. A time of day is the last that has been."""
        try:
            found, of_day = (text, False) if isinstance(text, float) else cls._read(text)
        except (ValueError, OverflowError):
            raise ValueError('a time is wanted, such as 03:00, 03:00:04.5, "2026-01-31 03:00" or @1700000000') from None
        self = float.__new__(cls, found)
        self.of_day = of_day
        return self

    @classmethod
    def _read(cls, text: str) -> tuple[float, bool]:
        if text.startswith("@"):
            found = float(text[1:])
            if not isfinite(found):
                raise ValueError
            return found, False
        day, _, of_day = text.replace("T", " ").rpartition(" ")
        if not day and ":" not in of_day:
            day, of_day = of_day, "00:00"
        hours, minutes, *seconds = of_day.split(":")
        least = strptime(f"{day or strftime(DAY)} {hours}:{minutes}", f"{DAY} %H:%M")
        second = float(seconds[0]) if seconds else 0.0
        if len(seconds) > 1 or not 0 <= second < 61:
            raise ValueError
        found = cls._epoch(least) + second
        if not day and found > time():
            found = cls._epoch(least, days=-1) + second
        return found, not day

    @classmethod
    def _epoch(cls, least: struct_time, days: int = 0) -> float:
        """Return the time of the epoch, so many days later on the clock; there may be two, or none, by summer time."""
        year, month, day, hour, minute = least[:5]
        both = [mktime((year, month, day + days, hour, minute, 0, 0, 0, summer)) for summer in (0, 1)]
        return cls._of_both([it for it in both if localtime(it)[3:5] == (hour, minute)] or both)

    @staticmethod
    def _of_both(times: list[float]) -> float:
        return min(times)

    def next_day(self) -> Self:
        """Return the same time of the next day."""
        return type(self)(self._epoch(localtime(self), days=1) + self % 60)


class Until(When):
    """A time to which something lasts: of two that a clock shows alike the later."""

    __slots__ = ()

    @staticmethod
    def _of_both(times: list[float]) -> float:
        return max(times)
