"""What of a page is new to a browser that has an earlier version?

A version is kept as the hashes of its lines, and a page is written as what the browser has, line by line, and what it
has not: ``[[0, 20], "a new line", [21, 3000]]`` are lines by place and number, and new ones.
"""

from __future__ import annotations

import json
from array import array
from hashlib import blake2b
from threading import Lock

_MOST_VERSIONS = 128  # of the last ten seconds, however many look
_MOST_NAME = 32  # characters


class Versions:
    """The last versions of all pages, the oldest first."""

    def __init__(self) -> None:
        self._lock = Lock()
        self._known: dict[str, array[int]] = {}

    def note(self, page: bytes) -> bytes:
        """Keep a page; return the name of its version."""
        name = blake2b(page, digest_size=12).hexdigest()
        hashes = array("q", map(hash, page.split(b"\n")))
        with self._lock:
            self._known.pop(name, None)
            self._known[name] = hashes
            while len(self._known) > _MOST_VERSIONS:
                del self._known[next(iter(self._known))]
        return name.encode()

    def knows(self, version: str) -> bool:
        """Return whether changes since a version can be told."""
        return len(version) <= _MOST_NAME and version in self._known

    def changes(self, version: str, page: bytes) -> bytes:
        """Return what has changed since a version as JSON; all of the page if it is not known."""
        before = self._known.get(version, array("q"))
        places = dict(zip(reversed(before), range(len(before) - 1, -1, -1), strict=True))
        parts: list[list[int] | str] = []
        run: list[int] = [0, 0]
        for line in page.split(b"\n"):
            hashed, goes_on = hash(line), sum(run)
            if run[1] and goes_on < len(before) and before[goes_on] == hashed:
                run[1] += 1
            elif (place := places.get(hashed)) is not None:
                parts.append(run := [place, 1])
            else:
                parts.append(line.decode("utf-8", "replace"))
                run = [0, 0]
        return json.dumps(parts, separators=(",", ":"), ensure_ascii=False).encode()
