"""How do events get to the disk? One process takes them from the spool, and writes them in batches.

A file leaves the spool when the disk has its events. What was written but not yet removed at a crash is written twice,
and read once.
"""

from __future__ import annotations

import json
from collections import Counter
from contextlib import suppress
from typing import TYPE_CHECKING, Any

from vipwarden.events.event import KINDS, decode, line
from vipwarden.events.roles import Roles
from vipwarden.state import files
from vipwarden.state.clock import boot

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from vipwarden.events.event import Event
    from vipwarden.events.segments import Segments
    from vipwarden.events.spool import Spool

TOTALS = ".totals"  # in the folder of the segments
_MOST_TOTALS = 4096
_MOST_OWN = 1000  # lines of its own that wait for the disk
_AGAIN = 1.0  # seconds until a disk that refuses is tried again
_LONGEST = 120.0  # seconds until the spool is made anew where somebody has removed it


class Recorder:
    """Writes what lies in the spool into segments; ``say`` takes a line when trouble begins or ends.

    ``seen`` takes events that are recorded.
    """

    def __init__(self, spool: Spool, segments: Segments, say: Callable[[str], None]) -> None:
        self.ending = False
        self.seen: Callable[[Sequence[Event]], None] = lambda _events: None
        self._spool = spool
        self._segments = segments
        self._say = say
        self._trouble = ""
        self._totals = Counter(dict.fromkeys(KINDS, 0) | _counted(segments.folder))
        self._number = 0
        self._own: list[bytes] = []  # lines of the recorder itself that the disk does not have yet
        self._dropped = 0  # of those that are recorded
        self._roles = Roles()

    def run(self) -> None:
        """Record until end(), and then what is there."""
        self._tell("recorder", "start")
        with suppress(OSError):  # said below
            self._write([])
        self._publish()
        while not self.ending:
            seconds = _LONGEST if self._drain() else _AGAIN
            try:
                self._spool.mend()
            except OSError as error:
                self._complain(f"{self._spool.folder} was removed and cannot be made anew: {error.strerror or error}")
                seconds = _AGAIN
            self._spool.wait(min(seconds, self._roles.due() - boot()))
            if refused := self._spool.refused():
                self._say(refused)
            self._tell_roles()
        self._tell("recorder", "stop")
        self._drain()
        self._spool.close()

    def end(self) -> None:
        """End soon; to be called from a signal handler or another thread."""
        self.ending = True
        self._spool.wake()

    def _drain(self) -> bool:
        """Write all that waits; return whether nothing is left."""
        while True:
            try:
                names = self._spool.names()
                for lost in self._spool.losses(last=self.ending) if not self._own or self.ending else ():
                    self._tell("events", "lost", lost)
                lines = self._spool.lines(names)
                if not (names or lines or self._own):
                    return True
                self._write(lines)
                self._spool.done(names)
            except OSError as error:
                self._complain(
                    f"events wait in {self._spool.folder}: {error.filename or self._segments.folder}:"
                    f" {error.strerror or error}"
                )
                return False
            self._complain("")
            self._publish()

    def _write(self, lines: list[bytes]) -> None:
        """Write lines that are events, and those of the recorder itself; raises OSError, and then none is written."""
        whole = (text.strip() + b"\n" for text in lines + self._own)  # who leaves out the newline spoils no other line
        events = [(text, event) for text in whole if (event := decode(text)) is not None and event.kind in KINDS]
        if not events:
            return
        self._segments.add(b"".join(text for text, _ in events))
        self._own = []
        self._totals.update(event.kind for _, event in events)
        dropped = self._segments.dropped - self._dropped
        if dropped:
            self._dropped += dropped
            self._tell("events", "dropped", f"{dropped} of the oldest events: the disk is full")
        for _, event in events:
            self._roles.take(event)
        self.seen([event for _, event in events])

    def _tell_roles(self) -> None:
        """Record the transitions that only the VIPs show."""
        for change in self._roles.ripe(boot()):
            words = {"of": "INSTANCE", "before": change.before, "ago": boot() - change.boot}
            self._tell("vrrp", change.state, "by its VIPs; no notify handed it over", change.name, **words)

    def _tell(self, kind: str, state: str, text: str = "", name: str = "recorder", **words: Any) -> None:
        """Have an event of the recorder itself written with the next that come."""
        self._number += 1
        if len(self._own) < _MOST_OWN:
            self._own.append(line("recorder", self._number, kind, name, state=state, text=text, **words))
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
