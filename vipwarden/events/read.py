"""Which events are recorded? Those of the segments of a folder, or of a file, each once."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

from vipwarden.events.event import decode
from vipwarden.events.segments import lines, paths

if TYPE_CHECKING:
    from collections.abc import Iterator

    from vipwarden.events.event import Event

_BLOCK = 1 << 18


def read(place: str) -> list[Event]:
    """Return the events of a folder of segments or of one file, in the order of writing; raises OSError.

    A line that was written twice, as after a crash, counts once; what is no event is left out.
    """
    known: dict[bytes, None] = {}
    for path in paths(place) if os.path.isdir(place) else [place]:  # noqa: PTH112
        try:
            known.update(dict.fromkeys(lines(_blocks(path))))
        except FileNotFoundError:
            if path == place:
                raise
            continue  # an old segment that has just made room
    return [event for line in known if (event := decode(line)) is not None]


class Tail:
    """The events that are recorded from now on."""

    def __init__(self, folder: str) -> None:
        """Begin behind the last event; raises OSError."""
        self._folder = folder
        self._path = ""
        self._at = 0
        self._rest = b""
        for self._path in paths(folder)[-1:]:
            self._at = os.stat(self._path).st_size  # noqa: PTH116

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


def _blocks(path: str) -> Iterator[bytes]:
    with open(path, "rb") as segment:  # noqa: PTH123
        while block := segment.read(_BLOCK):
            yield block
