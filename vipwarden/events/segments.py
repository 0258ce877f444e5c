"""Where do events lie? In segments of bounded size, appended whole; the oldest segment goes where there is no room.

A segment is a file NUMBER.jsonl. One process writes them, under a lock. What a crash left behind of a line is cut off
before the next is written.
"""

from __future__ import annotations

import fcntl
import os
from contextlib import suppress

from vipwarden.events.event import MOST_LINE, decode
from vipwarden.state import files

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

MOST = 64 << 20  # bytes of all segments
_PARTS = 16
_LEAST = 1 << 16  # bytes of a segment
_NO_SPACE = (28, 122, 27)  # ENOSPC, EDQUOT, EFBIG
_APPEND = os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW
_DIGITS, _END = 10, ".jsonl"  # of the names of segments


class BusyError(Exception):
    """Another process writes here."""


class Segments:
    """The segments in a folder, of ``most`` bytes at most; ``dropped`` counts events that a full disk has cost."""

    def __init__(self, folder: str, most: int = MOST) -> None:
        """Open them and mend the end of the last; raises OSError and BusyError."""
        self.folder = folder
        self.dropped = 0
        self._most = most
        self._part = 0  # bytes of the segment that is written
        self._out = -1
        files.ready(folder)
        self._lock = files.lock(f"{folder}/.lock")
        try:
            fcntl.flock(self._lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            self._sizes = {number: os.stat(path_of(self.folder, number)).st_size for number in numbers(folder)}  # noqa: PTH116
            self._number = max(self._sizes, default=0)
            if self._number:
                self._mend()
        except OSError as error:
            os.close(self._lock)
            if isinstance(error, BlockingIOError):
                raise BusyError(f"another recorder writes in {folder}") from None
            raise

    def close(self) -> None:
        """Write no more."""
        self._leave()
        os.close(self._lock)

    def add(self, data: bytes) -> None:
        """Append whole lines and wait until the disk has them; raises OSError, and then nothing is written.

        Where the disk is full the oldest segments make room, down to the last.
        """
        if self._out >= 0 and not os.fstat(self._out).st_nlink:
            self._begin_anew()
        if self._out >= 0 and self._sizes[self._number] + len(data) > self._part:
            self._leave()
        for number in surplus(self._sizes, len(data), self._most):
            self._remove(number)
        while True:
            try:
                self._append(data)
            except OSError as error:
                oldest = min(self._sizes, default=self._number)
                if error.errno not in _NO_SPACE or oldest == self._number:
                    raise
                self.dropped += self._remove(oldest)
            else:
                return

    def _append(self, data: bytes) -> None:
        if self._out < 0:
            self._number += 1
            self._out = os.open(path_of(self.folder, self._number), _APPEND, 0o644)
            self._sizes[self._number] = 0
            self._part = self._room()
            files.sync(path_of(self.folder, self._number))
        size = self._sizes[self._number]
        try:
            if os.write(self._out, data) != len(data):
                raise OSError(_NO_SPACE[0], "no space left")
            os.fdatasync(self._out)
        except OSError:
            try:
                os.ftruncate(self._out, size)
            except OSError:  # readers leave out what is torn; the next line must not follow it
                self._leave()
            raise
        self._sizes[self._number] = size + len(data)

    def _room(self) -> int:
        """Return how large a segment may become: a part of what all may have, or of a smaller disk."""
        disk = os.statvfs(self.folder)
        return max(_LEAST, min(self._most, sum(self._sizes.values()) + disk.f_bavail * disk.f_frsize) // _PARTS)

    def _remove(self, number: int) -> int:
        """Remove a segment and return how many events it had; raises OSError."""
        if number == self._number:
            self._leave()
        path = path_of(self.folder, number)
        count = 0
        with suppress(FileNotFoundError):  # somebody has removed it
            with open(path, "rb") as segment:  # noqa: PTH123
                while piece := segment.read(1 << 20):
                    count += piece.count(b"\n")
            os.unlink(path)  # noqa: PTH108
        del self._sizes[number]
        return count

    def _begin_anew(self) -> None:
        """Go on where somebody has removed the segments, or the folder with them; raises OSError."""
        self._leave()
        files.ready(self.folder)
        there = numbers(self.folder)
        self._sizes = {number: size for number, size in self._sizes.items() if number in there}

    def _leave(self) -> None:
        if self._out >= 0:
            os.close(self._out)
            self._out = -1

    def _mend(self) -> None:
        """Cut off what is torn at the end of the last segment, and go on in it."""
        self._out = os.open(path_of(self.folder, self._number), _APPEND, 0o644)
        with open(path_of(self.folder, self._number), "rb") as segment:  # noqa: PTH123
            size = sound(segment.read())
        self._part = self._room()
        if size != self._sizes[self._number]:
            os.ftruncate(self._out, size)
            self._sizes[self._number] = size


def numbers(folder: str) -> list[int]:
    """Return the numbers of the segments in a folder, the oldest first; raises OSError."""
    names = (name.removesuffix(_END) for name in files.names(folder) if name.endswith(_END))
    return sorted(int(name) for name in names if name.isascii() and name.isdigit() and len(name) == _DIGITS)


def paths(folder: str) -> list[str]:
    """Return the paths of the segments in a folder, the oldest first; raises OSError."""
    return [path_of(folder, number) for number in numbers(folder)]


def path_of(folder: str, number: int) -> str:
    """Return the path of a segment."""
    return f"{folder}/{number:0{_DIGITS}d}{_END}"


def sound(data: bytes) -> int:
    """Return how many bytes of a segment remain when torn lines are cut off at its end."""
    end = data.rfind(b"\n") + 1
    while end:
        start = data.rfind(b"\n", 0, end - 1) + 1
        if end - start <= MOST_LINE and decode(data[start:end]) is not None:
            break
        end = start
    return end


def surplus(sizes: Mapping[int, int], coming: int, most: int) -> list[int]:
    """Return the segments that have to go, the oldest first, so that what comes fits into ``most`` bytes."""
    left = sum(sizes.values()) + coming
    gone = []
    for number in sorted(sizes):
        if left <= most:
            break
        left -= sizes[number]
        gone.append(number)
    return gone


def lines(blocks: Iterable[bytes]) -> Iterator[bytes]:
    """Yield the whole lines of data that comes in pieces; what is longer than a line may be is left out."""
    rest = b""
    for block in blocks:
        *whole, rest = (rest + block).split(b"\n")
        yield from (line for line in whole if line)
        if len(rest) > MOST_LINE:
            rest = b"!"  # which makes no event of what follows
    if rest:
        yield rest
