"""What has been handed over to the recorder, and when does more come?

Files in a folder, a FIFO that is rung for them, and sockets for programs of other users.
"""

from __future__ import annotations

import errno
import fcntl
import os
import select
import stat
from contextlib import suppress
from time import sleep
from typing import TYPE_CHECKING

from vipwarden.events.door import Doors
from vipwarden.events.hand import BELL, LOST, MOST_BYTES, MOST_LOST, ring
from vipwarden.events.segments import BusyError
from vipwarden.state import files

if TYPE_CHECKING:
    from collections.abc import Sequence

_MOST_FILES = 128  # at once: 2 MiB
_GATHER = 0.05  # seconds for those that follow
_FOREIGN = (errno.EPERM, errno.EACCES, errno.EINVAL, errno.ELOOP, errno.ENXIO)


class Spool:
    """The folder; ``conf`` is the path of keepalived.conf, which names the users of scripts."""

    def __init__(self, folder: str, conf: str) -> None:
        """Make it where it is missing; raises OSError, BusyError among it."""
        self.folder = folder
        self._conf = conf
        self._sent: list[bytes] = []  # by other users
        self._stuck: set[str] = set()  # files that are taken, and cannot be removed
        self._open()

    def _open(self) -> None:
        files.ready(self.folder)
        bell = f"{self.folder}/{BELL}"
        with suppress(FileNotFoundError):
            if not stat.S_ISFIFO(os.lstat(bell).st_mode):
                os.unlink(bell)  # noqa: PTH108
        with suppress(FileExistsError):
            os.mkfifo(bell, 0o622)
        opened = os.open(bell, os.O_RDWR | os.O_NONBLOCK | os.O_CLOEXEC | os.O_NOFOLLOW)
        try:
            fcntl.flock(opened, fcntl.LOCK_EX | fcntl.LOCK_NB)
            self._doors = Doors(self.folder, self._conf)
        except BlockingIOError:
            os.close(opened)
            raise BusyError(errno.EBUSY, f"another recorder takes what waits in {self.folder}") from None
        except OSError:
            os.close(opened)
            raise
        self._bell = opened

    def close(self) -> None:
        """Take nothing any more."""
        self._doors.close()
        os.close(self._bell)

    def is_whole(self) -> bool:
        """Return whether it is there: nobody has removed it or the FIFO in it."""
        try:
            there, own = os.lstat(f"{self.folder}/{BELL}"), os.fstat(self._bell)
        except OSError:
            return False
        return (there.st_dev, there.st_ino) == (own.st_dev, own.st_ino)

    def mend(self) -> None:
        """Make anew what somebody has removed, and sockets for users who are new; raises OSError."""
        if self.is_whole():
            self._doors.renew()
            return
        doors, bell = self._doors, self._bell
        self._open()
        doors.close()
        os.close(bell)

    def wait(self, seconds: float) -> None:
        """Wait until something is handed over, at most so many seconds."""
        poll = select.poll()
        poll.register(self._bell, select.POLLIN)
        for descriptor in self._doors.descriptors():
            poll.register(descriptor, select.POLLIN)
        if poll.poll(max(0.0, seconds) * 1000):
            sleep(_GATHER)
            with suppress(BlockingIOError):
                while len(os.read(self._bell, 65536)) == 65536:
                    pass
            self._sent += self._doors.take()

    def wake(self) -> None:
        """End wait(); to be called from a signal handler or another thread."""
        ring(self.folder)

    def names(self) -> list[str]:
        """Return the names of the oldest files, not of folders; raises OSError."""
        try:
            with os.scandir(self.folder) as found:
                names = {it.name for it in found if it.name[0] != "." and not it.is_dir(follow_symlinks=False)}
        except FileNotFoundError:  # somebody has removed it
            return []
        self._stuck &= names
        return sorted(names - self._stuck)[:_MOST_FILES]

    def lines(self, names: Sequence[str]) -> list[bytes]:
        """Return the lines of files, and what other users have sent; raises OSError."""
        return [text for name in names for text in _lines(f"{self.folder}/{name}")] + self._sent

    def done(self, names: Sequence[str]) -> None:
        """Remove files, and forget what other users have sent: the disk has it; raises OSError.

        What cannot be removed is not taken again.
        """
        self._sent = []
        self._doors.settled()
        self._stuck.update(names)
        for name in names:
            with suppress(FileNotFoundError):
                os.unlink(f"{self.folder}/{name}")  # noqa: PTH108
            self._stuck.discard(name)

    def losses(self, *, last: bool = False) -> list[str]:
        """Say what was lost since the last time, of users at most once a minute unless it is the ``last`` time.

        Raises OSError.
        """
        lost = self._doors.losses(last=last)
        path = f"{self.folder}/{LOST}"
        try:
            many = os.lstat(path).st_size
            os.unlink(path)  # noqa: PTH108
        except (FileNotFoundError, IsADirectoryError):
            return lost
        return [*lost, f"{many}{' or more' * (many >= MOST_LOST)} events found no room in {self.folder}"]

    def refused(self) -> str:
        """Say who has sent and may not, empty where nobody has or it was said within a minute."""
        return self._doors.refused()


def _lines(path: str) -> list[bytes]:
    """Return the lines of a file, none of a file that is not to be trusted."""
    try:
        return files.read(path, MOST_BYTES, closed=True).splitlines(keepends=True)
    except OSError as error:
        if error.errno not in _FOREIGN:
            raise
        return []
