"""Where do events lie? In segments of bounded size, appended whole; the oldest segment goes where there is no room.

One process writes them, under a lock. What a crash left behind of a line is cut off before the next is written.
"""

from __future__ import annotations

import errno
import fcntl
import os
from contextlib import suppress

from vipwarden.events.event import MOST_LINE, decode
from vipwarden.events.stored import blocks, path_of, sizes, taken
from vipwarden.state import files

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping

MOST = 64 << 20  # bytes of all segments
_PARTS = 16
_LEAST = 1 << 16  # bytes of a segment
_NO_SPACE = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)
_APPEND = os.O_WRONLY | os.O_APPEND | os.O_CLOEXEC | os.O_NOFOLLOW
_MOST_TORN = 1 << 20  # bytes at the end of a segment in which its last event is looked for


class BusyError(OSError):
    """Another recorder works here."""


class Segments:
    """The segments in a folder, of ``most`` bytes at most; ``dropped`` counts events that a full disk has cost."""

    def __init__(self, folder: str, most: int = MOST) -> None:
        """Open them and mend the end of the last; raises OSError, BusyError among it."""
        self.folder = folder
        self.dropped = 0
        self._most = most
        self._part = 0  # bytes of the segment that is written
        self._out = -1
        self._lock = -1
        self._number = 0
        try:
            self._claim()
            if self._number in self._sizes:
                self._mend()
        except OSError:
            self.close()
            raise

    def close(self) -> None:
        """Write no more."""
        self._leave()
        if self._lock >= 0:
            os.close(self._lock)
            self._lock = -1

    def _claim(self) -> None:
        """Take the lock of the folder as it is now, and see what is there; raises OSError, BusyError among it."""
        self.close()
        files.ready(self.folder)
        self._lock = files.lock(f"{self.folder}/.lock")
        try:
            fcntl.flock(self._lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            self.close()
            raise BusyError(errno.EBUSY, f"another recorder writes in {self.folder}") from None
        self._sizes = sizes(self.folder)
        self._number = max(self._number, *taken(self.folder), 0)

    def add(self, data: bytes) -> None:
        """Append whole lines and wait until the disk has them; raises OSError, and then nothing is written.

        Where the disk is full the oldest segments make room, down to the last.
        """
        if self._lock < 0 or (self._out >= 0 and not self._is_ours()):
            self._claim()
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
            self._out = os.open(path_of(self.folder, self._number), _APPEND | os.O_CREAT | os.O_EXCL, 0o644)
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
        """Remove a segment and return how many events that cost; what cannot be removed counts no more."""
        if number == self._number:
            self._leave()
        path = path_of(self.folder, number)
        count = 0
        del self._sizes[number]
        with suppress(OSError):  # a part of the disk that cannot be read
            count = sum(piece.count(b"\n") for piece in blocks(path))
        try:
            os.unlink(path)  # noqa: PTH108
        except OSError:  # somebody has removed it, or made it immutable
            return 0
        return count

    def _is_ours(self) -> bool:
        """Return whether the segment that is written is still there, as it was left."""
        try:
            there = os.stat(path_of(self.folder, self._number), follow_symlinks=False)  # noqa: PTH116
        except OSError:
            return False
        own = os.fstat(self._out)
        return (there.st_dev, there.st_ino, own.st_size) == (own.st_dev, own.st_ino, self._sizes[self._number])

    def _leave(self) -> None:
        if self._out >= 0:
            os.close(self._out)
            self._out = -1

    def _mend(self) -> None:
        """Cut off what is torn at the end of the last segment, and go on in it; leave it where all of that is torn."""
        path = path_of(self.folder, self._number)
        size = self._sizes[self._number]
        begin = max(0, size - _MOST_TORN)
        end = sound(b"".join(blocks(path, begin)))
        if begin and not end:  # readers leave it out
            return
        self._out = os.open(path, _APPEND)
        self._part = self._room()
        if begin + end != size:
            os.ftruncate(self._out, begin + end)
            self._sizes[self._number] = begin + end


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
