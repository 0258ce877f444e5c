"""Which events are recorded? Those of the segments of a folder, or of a file, each once."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

from vipwarden.events.event import decode
from vipwarden.events.segments import lines, path_of, paths
from vipwarden.events.since import begin

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
        self._path = ""
        self._at = 0
        self._rest = b""
        if place:
            number, _, at = place.partition("-")
            if not (place.isascii() and number.isdigit() and at.isdigit() and len(place) <= 40):
                raise ValueError("this is no place in the record of events")
            self._path, self._at = path_of(folder, int(number)), int(at)
            return
        for self._path in paths(folder)[-1:]:
            self._at = os.stat(self._path).st_size  # noqa: PTH116

    @property
    def place(self) -> str:
        """Where it goes on: behind the last whole line."""
        number = self._path.rpartition("/")[2].partition(".")[0] or "0"
        return f"{int(number)}-{self._at - len(self._rest)}"

    def more(self) -> list[Event]:
        """Return what has come since the last time; raises OSError."""
        found = []
        for path in paths(self._folder):
            if path < self._path:
                continue
            if path != self._path:
                self._path, self._at, self._rest = path, 0, b""
            try:
                with open(path, "rb") as segment:  # noqa: PTH123
                    self._at = min(self._at, os.fstat(segment.fileno()).st_size)
                    segment.seek(self._at)
                    data = segment.read()
            except FileNotFoundError:
                continue
            self._at += len(data)
            *whole, self._rest = (self._rest + data).split(b"\n")
            found += [event for line in whole if (event := decode(line)) is not None]
        return found


def _blocks(path: str, at: int = 0) -> Iterator[bytes]:
    with open(path, "rb") as segment:  # noqa: PTH123
        segment.seek(at)
        while block := segment.read(_BLOCK):
            yield block
