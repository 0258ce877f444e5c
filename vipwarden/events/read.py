"""Which events are recorded? Those of the segments of a folder, or of a file, each once."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

from vipwarden.events.event import MOST_LINE, decode
from vipwarden.events.segments import MOST
from vipwarden.events.since import begin
from vipwarden.events.stored import lines, numbers, path_of, paths

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from vipwarden.events.event import Event

_BLOCK = 1 << 18


def there(folders: Sequence[str]) -> str:
    """Return the first of these folders that exists, else the last."""
    return next(filter(os.path.isdir, folders), folders[-1])


def read(place: str, since: float = 0.0) -> list[Event]:
    """Return the events of a folder of segments or of one file, in the order of writing; raises OSError.

    A line that was written twice, as after a crash, counts once; what is no event is left out. With ``since``, in
    seconds of the epoch, many earlier events of a folder are left out.
    """
    known: dict[bytes, None] = {}
    parts = [(place, 0)]
    if os.path.isdir(place):  # noqa: PTH112
        parts = begin(paths(place), since) if since else [(path, 0) for path in paths(place)]
    for path, at in parts:
        try:
            known.update(dict.fromkeys(lines(_blocks(path, at))))
        except FileNotFoundError:
            if path == place:
                raise
            continue  # an old segment that has just made room
    return [event for line in known if (event := decode(line)) is not None]


def last(folder: str, most: int) -> list[Event]:
    """Return the last ``most`` events of a folder of segments, in the order of writing; raises OSError."""
    known: list[bytes] = []
    for path in reversed(paths(folder)):
        known = [*lines(_blocks(path)), *known]
        if len(known) >= most:
            break
    return [event for line in dict.fromkeys(known[-most:]) if (event := decode(line)) is not None]


class Tail:
    """The events that are recorded from a place on."""

    def __init__(self, folder: str, place: str = "") -> None:
        """Begin at a place, by default behind the last event; raises OSError, and ValueError for what is no place."""
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
        try:
            there = numbers(self._folder)
        except FileNotFoundError:
            return []
        if there and self._number > there[-1]:  # it was removed, and begun anew
            self._number, self._at, self._inode = there[0], 0, 0
        blocks: list[bytes] = []
        for number in (it for it in there if it >= self._number):
            if number != self._number:
                self._number, self._at, self._inode = number, 0, 0
            blocks.append(self._rest())
        size = 0
        found: list[Event] = []
        for block in reversed(blocks):
            size += len(block)
            lines = block[max(0, size - most) :].split(b"\n")
            found[:0] = [event for line in lines if (event := decode(line)) is not None]
            if size >= most:
                break
        return found

    def _rest(self) -> bytes:
        """Return the whole lines of a segment that have come since the last time; raises OSError."""
        try:
            with open(path_of(self._folder, self._number), "rb") as segment:  # noqa: PTH123
                status = os.fstat(segment.fileno())
                if status.st_size < self._at or self._inode not in (0, status.st_ino):  # another file of this name
                    self._at = 0
                self._inode = status.st_ino
                segment.seek(self._at)
                data = segment.read()
        except FileNotFoundError:
            return b""
        whole = data[: data.rfind(b"\n") + 1]
        self._at += len(whole)
        return whole


def _blocks(path: str, at: int = 0) -> Iterator[bytes]:
    with open(path, "rb") as segment:  # noqa: PTH123
        if at:  # else it may be a pipe
            segment.seek(at)
        while block := segment.read(_BLOCK):
            yield block
