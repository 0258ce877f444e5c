"""Which events are recorded from a place on?"""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

from vipwarden.events.event import MOST_LINE, decode
from vipwarden.events.segments import MOST
from vipwarden.events.stored import numbers, path_of

if TYPE_CHECKING:
    from vipwarden.events.event import Event

FIRST = "0-0"  # the place before all events


class Tail:
    """The events that are recorded from a place on; ``missed`` is whether more() had to leave some out."""

    def __init__(self, folder: str, place: str = "") -> None:
        """Begin at a place, by default behind the last event; raises OSError, and ValueError for what is no place."""
        self.missed = False
        self._folder = folder
        self._number = 0
        self._at = 0
        self._inode = 0  # 0: not known, as of a place that was given
        if place:
            number, _, at = place.partition("-")
            if not (place.isascii() and number.isdigit() and at.isdigit() and len(place) <= 40):
                raise ValueError("this is no place in the record of events")
            self._number, self._at = int(number), int(at)
            return
        for self._number in numbers(folder)[-1:]:
            with open(path_of(folder, self._number), "rb") as segment:  # noqa: PTH123
                status = os.fstat(segment.fileno())
                segment.seek(max(0, status.st_size - MOST_LINE))
                torn = len(segment.read().rpartition(b"\n")[2])
                self._at, self._inode = status.st_size - torn, status.st_ino

    @property
    def place(self) -> str:
        """Where it goes on: behind the last whole line."""
        return f"{self._number}-{self._at}"

    def more(self, most: int = MOST) -> list[Event]:
        """Return what has come since the last time, of the last ``most`` bytes; raises OSError.

        Nothing comes from a folder that somebody has removed, until it is there again.
        """
        self.missed = False
        try:
            there = numbers(self._folder)
        except FileNotFoundError:
            return []
        if there and self._number > there[-1]:  # it was removed, and begun anew
            self._number, self._at, self._inode = 0, 0, 0
        self.missed = bool(there and 0 < self._number < there[0])  # the segment has made room
        found: list[bytes] = []
        behind = [number for number in there if number >= self._number]
        place = self._number, self._at, self._inode
        for number in reversed(behind):
            data, at, inode = self._rest(number, most)
            if number == behind[-1]:
                place = number, at, inode
            found.append(data)
            most -= len(data)
            if most <= 0:
                self.missed = self.missed or number != behind[0]
                break
        self._number, self._at, self._inode = place
        lines = (line for data in reversed(found) for line in data.split(b"\n"))
        return [event for line in lines if (event := decode(line)) is not None]

    def _rest(self, number: int, most: int) -> tuple[bytes, int, int]:
        """Return the whole lines of a segment that have come since the last time, where they end, and its inode.

        Of the last ``most`` bytes; raises OSError.
        """
        try:
            with open(path_of(self._folder, number), "rb") as segment:  # noqa: PTH123
                status = os.fstat(segment.fileno())
                at = self._at if number == self._number else 0
                if status.st_size < at or (number == self._number and self._inode not in (0, status.st_ino)):
                    at = 0  # another file of this name
                begin = max(at, status.st_size - most)
                self.missed = self.missed or begin > at
                segment.seek(begin)
                data = segment.read(status.st_size - begin)
        except FileNotFoundError:
            return b"", 0, 0
        whole = data[: data.rfind(b"\n") + 1]
        return whole, begin + len(whole), status.st_ino
