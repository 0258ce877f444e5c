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
from typing import TYPE_CHECKING

from vipwarden.events.event import KINDS, decode, line
from vipwarden.events.hand import BELL, LOST, MOST_BYTES, ring
from vipwarden.state import files

if TYPE_CHECKING:
    from collections.abc import Callable

    from vipwarden.events.segments import Segments

TOTALS = ".totals"  # in the folder of the segments
_MOST_TOTALS = 4096
_MOST_FILES = 128  # of the spool, in one write: 2 MiB
_GATHER = 0.05  # seconds for those that follow, before a write
_FOREIGN = (errno.EPERM, errno.EACCES, errno.EINVAL, errno.ELOOP, errno.ENXIO)
_AGAIN = 1.0  # seconds until a disk that refuses is tried again


class Recorder:
    """Writes what lies in the folder ``spool`` into segments; ``say`` takes a line when trouble begins or ends."""

    def __init__(self, spool: str, segments: Segments, say: Callable[[str], None]) -> None:
        """Make the spool where it is missing; raises OSError."""
        self.ending = False
        self._spool = spool
        self._segments = segments
        self._say = say
        self._trouble = ""
        self._totals = Counter(dict.fromkeys(KINDS, 0) | _counted(segments.folder))
        self._number = 0
        self._dropped = 0  # of those that are recorded
        files.ready(spool)
        bell = f"{spool}/{BELL}"
        with suppress(FileNotFoundError):
            if not stat.S_ISFIFO(os.lstat(bell).st_mode):
                os.unlink(bell)  # noqa: PTH108
        with suppress(FileExistsError):
            os.mkfifo(bell, 0o622)
        self._bell = os.open(bell, os.O_RDWR | os.O_NONBLOCK | os.O_CLOEXEC | os.O_NOFOLLOW)

    def run(self) -> None:
        """Record until end(), and then what is there."""
        poll = select.poll()
        poll.register(self._bell, select.POLLIN)
        self._tell("start")
        self._publish()
        while not self.ending:
            is_done = self._drain()
            if poll.poll(None if is_done else _AGAIN * 1000):
                sleep(_GATHER)
                with suppress(BlockingIOError):
                    while len(os.read(self._bell, 65536)) == 65536:
                        pass
        self._tell("stop")
        self._drain()
        os.close(self._bell)

    def end(self) -> None:
        """End soon; to be called from a signal handler or another thread."""
        self.ending = True
        ring(self._spool)

    def _drain(self) -> bool:
        """Write all that waits; return whether nothing is left."""
        while True:
            try:
                names = list(islice(files.names(self._spool), _MOST_FILES))
                self._take_losses()
                if not names:
                    return True
                paths = [f"{self._spool}/{name}" for name in names]
                self._write([text for path in paths for text in _lines(path)])
                for path in paths:
                    os.unlink(path)  # noqa: PTH108
            except OSError as error:
                self._complain(f"events wait in {self._spool}: {self._segments.folder}: {error.strerror or error}")
                return False
            self._complain("")
            self._publish()

    def _write(self, lines: list[bytes]) -> None:
        """Write lines that are events; raises OSError, and then none is written."""
        events = [(text, event.kind) for text in lines if (event := decode(text)) is not None and event.kind in KINDS]
        if not events:
            return
        self._segments.add(b"".join(text for text, _ in events))
        self._totals.update(kind for _, kind in events)
        dropped = self._segments.dropped - self._dropped
        if dropped:
            self._dropped += dropped
            self._tell("dropped", f"{dropped} of the oldest events: the disk is full")

    def _take_losses(self) -> None:
        """Record how many events found no room in the spool; raises OSError."""
        path = f"{self._spool}/{LOST}"
        try:
            lost = os.lstat(path).st_size
        except FileNotFoundError:
            return
        os.unlink(path)  # noqa: PTH108
        self._tell("lost", f"{lost} events found no room in {self._spool}")

    def _tell(self, state: str, text: str = "") -> None:
        """Record an event of the recorder itself; raises nothing."""
        self._number += 1
        kind = "recorder" if state in ("start", "stop") else "events"
        with suppress(OSError):
            self._segments.add(line("recorder", self._number, kind, "recorder", state=state, text=text))
            self._totals[kind] += 1
        if kind == "events":
            self._say(f"{state}: {text}")

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
