"""How do events get to the disk? One process takes them from the spool, and writes them in batches.

A file leaves the spool when the disk has its events. What was written but not yet removed at a crash is written twice,
and read once.
"""

from __future__ import annotations

import errno
import json
import os
import select
import stat
from collections import Counter
from contextlib import suppress
from itertools import islice
from time import sleep
from typing import TYPE_CHECKING, Any

from vipwarden.events.door import Door
from vipwarden.events.event import KINDS, decode, line
from vipwarden.events.hand import BELL, LOST, MOST_BYTES, ring
from vipwarden.events.roles import Roles
from vipwarden.state import files
from vipwarden.state.clock import boot

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from vipwarden.events.event import Event
    from vipwarden.events.segments import Segments

TOTALS = ".totals"  # in the folder of the segments
_MOST_TOTALS = 4096
_MOST_FILES = 128  # of the spool, in one write: 2 MiB
_GATHER = 0.05  # seconds for those that follow, before a write
_FOREIGN = (errno.EPERM, errno.EACCES, errno.EINVAL, errno.ELOOP, errno.ENXIO)
_AGAIN = 1.0  # seconds until a disk that refuses is tried again
_LONGEST = 60.0  # seconds until the spool is made anew where somebody has removed it
_MOST_SENT = 4096  # lines of other users that wait for the disk


class Recorder:
    """Writes what lies in the folder ``spool`` into segments; ``say`` takes a line when trouble begins or ends.

    ``conf`` is the path of keepalived.conf, which names the users of scripts; ``seen`` takes events that are recorded.
    """

    def __init__(self, spool: str, segments: Segments, say: Callable[[str], None], conf: str) -> None:
        """Make the spool where it is missing; raises OSError."""
        self.ending = False
        self.seen: Callable[[Sequence[Event]], None] = lambda _events: None
        self._conf = conf
        self._spool = spool
        self._segments = segments
        self._say = say
        self._trouble = ""
        self._totals = Counter(dict.fromkeys(KINDS, 0) | _counted(segments.folder))
        self._number = 0
        self._dropped = 0  # of those that are recorded
        self._roles = Roles()
        self._sent: list[bytes] = []  # by other users
        self._open()

    def _open(self) -> None:
        """Make the spool with what wakes the recorder; raises OSError."""
        files.ready(self._spool)
        bell = f"{self._spool}/{BELL}"
        with suppress(FileNotFoundError):
            if not stat.S_ISFIFO(os.lstat(bell).st_mode):
                os.unlink(bell)  # noqa: PTH108
        with suppress(FileExistsError):
            os.mkfifo(bell, 0o622)
        self._bell = os.open(bell, os.O_RDWR | os.O_NONBLOCK | os.O_CLOEXEC | os.O_NOFOLLOW)
        try:
            self._door = Door(self._spool, self._conf)
        except OSError:
            os.close(self._bell)
            raise

    def run(self) -> None:
        """Record until end(), and then what is there."""
        self._tell("recorder", "start")
        self._publish()
        while not self.ending:
            self._wait(_LONGEST if self._drain() else _AGAIN)
            self._tell_roles()
        self._tell("recorder", "stop")
        self._drain()
        self._door.close()
        os.close(self._bell)

    def _wait(self, seconds: float) -> None:
        """Wait until there is something to do, at most so many seconds."""
        if not self.is_whole():
            try:
                door, bell = self._door, self._bell
                self._open()
                door.close()
                os.close(bell)
            except OSError as error:
                self._complain(f"{self._spool} was removed and cannot be made anew: {error.strerror or error}")
                seconds = _AGAIN
        poll = select.poll()
        poll.register(self._bell, select.POLLIN)
        if len(self._sent) < _MOST_SENT:
            poll.register(self._door, select.POLLIN)
        seconds = max(0.0, min(seconds, self._roles.due() - boot()))
        if poll.poll(seconds * 1000):
            sleep(_GATHER)
            with suppress(BlockingIOError):
                while len(os.read(self._bell, 65536)) == 65536:
                    pass
            self._sent += self._door.take()

    def is_whole(self) -> bool:
        """Return whether the spool is there: nobody has removed it or the bell in it."""
        try:
            there, own = os.lstat(f"{self._spool}/{BELL}"), os.fstat(self._bell)
        except OSError:
            return False
        return (there.st_dev, there.st_ino) == (own.st_dev, own.st_ino)

    def end(self) -> None:
        """End soon; to be called from a signal handler or another thread."""
        self.ending = True
        ring(self._spool)

    def _drain(self) -> bool:
        """Write all that waits; return whether nothing is left."""
        while True:
            try:
                names = self._names()
                self._take_losses()
                if not names and not self._sent:
                    return True
                paths = [f"{self._spool}/{name}" for name in names]
                self._write([text for path in paths for text in _lines(path)] + self._sent)
                self._sent = []
                for path in paths:
                    os.unlink(path)  # noqa: PTH108
            except OSError as error:
                self._complain(f"events wait in {self._spool}: {self._segments.folder}: {error.strerror or error}")
                return False
            self._complain("")
            self._publish()

    def _names(self) -> list[str]:
        """Return the names of the oldest files of the spool; raises OSError."""
        try:
            return list(islice(files.names(self._spool), _MOST_FILES))
        except FileNotFoundError:  # somebody has removed it: it is made anew before the next wait
            return []

    def _write(self, lines: list[bytes]) -> None:
        """Write lines that are events; raises OSError, and then none is written."""
        events = [(text, event) for text in lines if (event := decode(text)) is not None and event.kind in KINDS]
        if not events:
            return
        self._segments.add(b"".join(text for text, _ in events))
        self._totals.update(event.kind for _, event in events)
        dropped = self._segments.dropped - self._dropped
        if dropped:
            self._dropped += dropped
            self._tell("events", "dropped", f"{dropped} of the oldest events: the disk is full")
        for _, event in events:
            self._roles.take(event)
        self.seen([event for _, event in events])

    def _take_losses(self) -> None:
        """Record how many events found no room in the spool; raises OSError."""
        path = f"{self._spool}/{LOST}"
        try:
            lost = os.lstat(path).st_size
        except FileNotFoundError:
            return
        os.unlink(path)  # noqa: PTH108
        self._tell("events", "lost", f"{lost} events found no room in {self._spool}")

    def _tell_roles(self) -> None:
        """Record the transitions that only the VIPs show."""
        for change in self._roles.ripe(boot()):
            words = {"of": "INSTANCE", "before": change.before, "ago": boot() - change.boot}
            self._tell("vrrp", change.state, "by its VIPs; no notify handed it over", change.name, **words)

    def _tell(self, kind: str, state: str, text: str = "", name: str = "recorder", **words: Any) -> None:
        """Record an event of the recorder itself; raises nothing."""
        self._number += 1
        data = line("recorder", self._number, kind, name, state=state, text=text, **words)
        with suppress(OSError):
            self._segments.add(data)
            self._totals[kind] += 1
        if kind == "events":
            self._say(f"{state}: {text}")
        if kind == "vrrp" and (event := decode(data)) is not None:
            self._roles.take(event)

    def _publish(self) -> None:
        """Write how many events of each kind there were, for the exporter."""
        with suppress(OSError):
            files.write(f"{self._segments.folder}/{TOTALS}", json.dumps(self._totals).encode())

    def _complain(self, text: str) -> None:
        if text != self._trouble:
            self._trouble = text
            self._say(text or "events are recorded again")


def totals(folder: str) -> dict[str, int]:
    """Return how many events of each kind were written into a folder; raises OSError and ValueError."""
    found = json.loads(files.read(f"{folder}/{TOTALS}", _MOST_TOTALS, files.owners(folder)))
    if not isinstance(found, dict):
        found = {}
    return {kind: count for kind, count in found.items() if kind in KINDS and type(count) is int and count >= 0}


def _counted(folder: str) -> dict[str, int]:
    """Return the numbers of an earlier recorder, so that they go on; none where they are lost."""
    try:
        return totals(folder)
    except (OSError, ValueError):
        return {}


def _lines(path: str) -> list[bytes]:
    """Return the lines of a file of the spool, none of a file that is not to be trusted."""
    try:
        return files.read(path, MOST_BYTES, closed=True).splitlines(keepends=True)
    except OSError as error:
        if error.errno not in _FOREIGN:
            raise
        return []
