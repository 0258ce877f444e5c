"""How is an event handed to the recorder without waiting for it?

By a small file in a folder on tmpfs, written aside and renamed. That takes as long where the recorder works, is
stopped, hangs in its disk or is dead, and what it has not taken yet outlives it and its sender. The folder holds a
bounded number of files of a bounded size; beyond that events are lost and counted. Then a byte into a FIFO wakes the
recorder. Nobody writes where the folder is missing, for no recorder has been there.

A program that begins or ends something says so by

    hand = Hand("maint")
    hand.give("maintenance", "web", state="begin", text="until 04:00: disks")
    hand.flush()

with the states ``begin`` and ``end`` for the kinds maintenance, handover and panic; inside of the agent by
``Record.event()`` with the same words. "vipwarden events --explain" takes a begin for the cause of what follows.

Another user than root, without a recorder of its own, sends to a socket of root's recorder, which knows the users of
keepalived's scripts and that of the exporter. What finds no room there is lost.
"""

from __future__ import annotations

import posix

from vipwarden.events.event import line
from vipwarden.state import files, paths
from vipwarden.state.clock import boot

MOST_FILES = 1024
MOST_BYTES = 16384  # of a file
MOST_LOST = 1 << 20  # lost events that are counted: each takes a byte of /run
BELL, DOOR, LOST = ".bell", ".door", ".lost"  # hidden: files.names() leaves them out
_RING = posix.O_WRONLY | posix.O_NONBLOCK | posix.O_CLOEXEC | posix.O_NOFOLLOW
_COUNT = _RING | posix.O_CREAT | posix.O_APPEND


class Hand:
    """Hands over the events of one program; not for several threads at once."""

    __slots__ = ("_by", "_folder", "_lines", "_lost", "_number")

    def __init__(self, by: str, folder: str = "") -> None:
        """Name the program; ``folder`` is that of the spool, by default of this user."""
        self._by = by
        self._folder = folder or paths.events()
        self._lines: list[bytes] = []
        self._lost = 0
        self._number = 0

    def give(
        self,
        kind: str,
        name: str,
        *,
        of: str = "",
        state: str = "",
        before: str = "",
        text: str = "",
        ago: float = 0.0,
    ) -> None:
        """Take an event that happened ``ago`` seconds ago; flush() hands it over. Raises nothing for a full spool."""
        self._number += 1
        words = {"of": of, "state": state, "before": before, "text": text}
        self._lines.append(line(self._by, self._number, kind, name, ago=ago, **words))

    def flush(self) -> None:
        """Hand over what was given since the last time; what cannot be handed over is counted as lost."""
        lines, self._lines = self._lines, []
        if not lines:
            return
        try:
            if posix.geteuid() and not files.owners(self._folder):  # another user may have laid it into /tmp
                raise PermissionError
            left = MOST_FILES - sum(name[0] != "." for name in posix.listdir(self._folder))
        except OSError:
            if self._folder == paths.events() and posix.geteuid():
                _send(lines)
            return
        for data in batches(lines):
            left -= 1
            if left < 0 or not self._spool(data):
                self._lost += data.count(b"\n")
        if self._lost:
            self._count()
        ring(self._folder)

    def _spool(self, data: bytes) -> bool:
        self._number += 1
        name = f"{int(boot() * 1e6):017d}.{posix.getpid()}.{self._number:06d}"
        try:
            files.write(f"{self._folder}/{name}", data)
        except OSError:  # a full tmpfs
            return False
        return True

    def _count(self) -> None:
        """Count what was lost, for all programs together: a byte for each event."""
        try:
            count = posix.open(f"{self._folder}/{LOST}", _COUNT, 0o644)
            try:
                many = min(self._lost, max(0, MOST_LOST - posix.fstat(count).st_size))
                written = posix.write(count, b"." * many)
                self._lost = 0 if written == many else self._lost - written
            finally:
                posix.close(count)
        except OSError:
            pass  # the next time


def batches(lines: list[bytes]) -> list[bytes]:
    """Join lines to pieces of at most MOST_BYTES."""
    pieces: list[list[bytes]] = [[]]
    size = 0
    for text in lines:
        if size + len(text) > MOST_BYTES and pieces[-1]:
            pieces.append([])
            size = 0
        pieces[-1].append(text)
        size += len(text)
    return [b"".join(piece) for piece in pieces if piece]


def _send(lines: list[bytes]) -> None:
    """Send lines to root's recorder, if there is one; never waits."""
    import _socket

    door = _socket.socket(_socket.AF_UNIX, _socket.SOCK_DGRAM | _socket.SOCK_NONBLOCK | _socket.SOCK_CLOEXEC)
    path = f"{paths.events(paths.ROOT)}/{DOOR}"
    try:
        try:
            door.connect(f"{path}.{posix.geteuid()}")
        except OSError:  # the recorder does not know this user yet
            door.connect(path)
        for data in batches(lines):
            door.send(data)
    except OSError:  # it does not run, or has no room
        pass
    finally:
        door.close()


def ring(folder: str) -> None:
    """Wake the recorder, if there is one; never waits."""
    try:
        bell = posix.open(f"{folder}/{BELL}", _RING)
    except OSError:  # it does not run, and looks when it starts
        return
    try:
        posix.write(bell, b".")
    except OSError:  # it has bells enough
        pass
    finally:
        posix.close(bell)
