"""Which events are recorded? Those of the segments of a folder, or of a file, each once."""

from __future__ import annotations

import os
from collections import deque
from math import inf
from typing import TYPE_CHECKING

from vipwarden.events.event import decode
from vipwarden.events.segments import MOST
from vipwarden.events.since import Part, window
from vipwarden.events.stored import blocks, lines, path_of, sizes

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence

    from vipwarden.events.event import Event

_WORDS = ("bid", "node", "by", "kind", "name", "of", "state", "before")  # of which many events have the same


def there(folders: Sequence[str]) -> str:
    """Return the first of these folders that exists, else the last."""
    return next(filter(os.path.isdir, folders), folders[-1])


def read(
    place: str,
    since: float = 0.0,
    until: float = inf,
    *,
    whole: bool = False,
    most: int = MOST,
    cut: Callable[[], object] = lambda: None,
) -> list[Event]:
    """Return the events of a folder of segments or of one file, in the order of writing; raises OSError.

    A line that was written twice, as after a crash, counts once; what is no event is left out. With ``since`` and
    ``until``, in seconds of the epoch, many other events are left out; with ``whole`` only where there are more than
    ``most`` bytes. Of more than ``most`` bytes the last are read, and ``cut`` is called.
    """
    parts = _parts(place)
    ends: list[Event] = []
    size = sum(part.end or 0 for part in parts)
    if (since or until < inf) and size > (most if whole else 0):
        parts, ends = window([part.path for part in parts], since, until)
    kept = _Kept(most)
    for part in _last_of(parts, most, kept):
        try:
            kept.take(lines(blocks(*part)))
        except FileNotFoundError:
            if part.path == place:
                raise
            continue  # an old segment that has just made room
    if kept.is_cut:
        cut()
    return kept.events(ends if until < inf else [])


def _parts(place: str) -> list[Part]:
    """Return the segments of a folder, or a file, which may be a pipe."""
    if os.path.isdir(place):  # noqa: PTH112
        return [Part(path_of(place, number), 0, size) for number, size in sizes(place).items()]
    return [Part(place, 0, os.path.getsize(place) if os.path.isfile(place) else None)]  # noqa: PTH113, PTH202


def _last_of(parts: Sequence[Part], most: int, kept: _Kept) -> list[Part]:
    """Return the last ``most`` bytes of parts of known sizes."""
    found: list[Part] = []
    for part in reversed(parts):
        size = part.end - part.at if part.end is not None else 0
        found.insert(0, part if size <= most else part._replace(at=part.at + size - most))
        most -= size
        if most < 0:
            kept.is_cut = True
            break
    return found


class _Kept:
    """The last ``most`` bytes of events, each once."""

    def __init__(self, most: int) -> None:
        self.is_cut = False
        self._most = most
        self._size = 0
        self._known: set[int] = set()
        self._events: deque[tuple[int, int, Event]] = deque()  # with their keys and sizes
        self._words: dict[str, str] = {}  # each once: many events have the same

    def take(self, lines: Iterable[bytes]) -> None:
        """Take lines."""
        for text in lines:
            key = hash(text)
            if key in self._known or (event := decode(text)) is None:
                continue
            for name in _WORDS:
                word = getattr(event, name)
                setattr(event, name, self._words.setdefault(word, word))
            self._known.add(key)
            self._events.append((key, len(text), event))
            self._size += len(text)
            while self._size > self._most:
                key, size, _ = self._events.popleft()
                self._known.discard(key)
                self._size -= size
                self.is_cut = True

    def events(self, ends: Iterable[Event]) -> list[Event]:
        """Return them, and behind them the ends of their boots, which may be among them."""
        found = [event for _, _, event in self._events]
        boots = {event.bid for event in found}
        return found + [event for event in ends if event.bid in boots]
