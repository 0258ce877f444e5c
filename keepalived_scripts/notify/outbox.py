"""Who sends the mails and webhooks, and tries again what did not get through? One worker, by the settings as they are.

Each way has its order and its pauses for itself. The configuration is read again when it has changed, and then all is
tried at once: what waited for a mended address need not wait for the end of a pause.
"""

from __future__ import annotations

import signal
import sys
from pathlib import Path
from time import sleep
from typing import TYPE_CHECKING, Any

from keepalived_scripts.notify import journal
from keepalived_scripts.notify.attempt import attempt
from keepalived_scripts.notify.errors import LaterError, NeverError
from keepalived_scripts.notify.settings import load, ways
from keepalived_scripts.notify.spool import Spool, read_event
from vipwarden.config.document import PATH, ConfigError
from vipwarden.state.clock import boot

if TYPE_CHECKING:
    from collections.abc import Sequence

    from keepalived_scripts.notify.event import Event

_LONGEST_PAUSE = 300.0  # seconds between two attempts
_TURN = 0.25  # seconds between two looks at the outbox


class Post:
    """The settings as they are now, and for each way how long the next attempt has to wait."""

    def __init__(self, config: str | None) -> None:
        self._path = Path(config or PATH)
        self._config = config
        self._seen: object = None
        self.given: Any = None
        self.pauses: dict[str, float] = {}
        self.due: dict[str, float] = {}

    def look(self) -> None:
        """Read the configuration where it has changed. While there is a mistake in it, the settings before it hold."""
        try:
            status = self._path.stat()
            seen: object = (status.st_ino, status.st_size, status.st_mtime_ns)
        except OSError as error:
            seen = error.errno
        if seen == self._seen:
            return
        self._seen = seen
        try:
            self.given = load(self._config)
        except ConfigError as error:
            journal.log(journal.ERROR, f"mail and webhook go on as before: {error}")
            return
        self.pauses, self.due = {}, {}

    def turn(self, outbox: Spool, _first: str) -> None:
        """Try whatever is due once, and then let some time pass."""
        self.look()
        blocked = {way for way, time in self.due.items() if time > boot()}
        for name in outbox.names():
            data = outbox.get(name)
            way = str(data.get("way"))
            if way not in blocked and not self._try(outbox, name, way, float(data.get("until", 0))):
                blocked.add(way)
        if outbox.names():
            sleep(_TURN)

    def _try(self, outbox: Spool, name: str, way: str, until: float) -> bool:
        """Try to send one event, and return whether the way is open."""
        event = read_event(outbox, name)
        if event is None:
            outbox.done(name)
            return True
        try:
            if self.given is None:  # a configuration that cannot be read since the start
                raise LaterError("the configuration cannot be read")
            if way not in ways(self.given):
                raise NeverError("it is no longer configured")
            attempt(way, event, self.given)
        except LaterError as error:
            if boot() < until:
                longer = self.pauses.get(way, 0) * 2 or (self.given.retry_first if self.given is not None else _TURN)
                self.pauses[way] = min(_LONGEST_PAUSE, longer)
                self.due[way] = boot() + self.pauses[way]
                text = f"{way} for {event} is tried again in {self.pauses[way]:g} s: {error}"
                journal.log(journal.WARNING, text)
                return False
            journal.log(journal.ERROR, f"{way} for {event} is dropped, it was tried long enough: {error}")
        except NeverError as error:
            journal.log(journal.ERROR, f"{way} for {event} is dropped: {error}")
        else:
            journal.log(journal.INFO, f"{way} sent: {event}")
            self.pauses.pop(way, None)
        outbox.done(name)
        return True


def send(config: str | None) -> None:
    """Send what is in the outbox in its order, each way for itself, and try again what did not get through."""
    signal.signal(signal.SIGTERM, lambda *_: sys.exit())  # the outbox stays for the next event's worker
    Spool("outbox").work_off(Post(config).turn)


def send_once(config: str | None, events: Sequence[tuple[str, Event]]) -> None:
    """Try to send what is in no outbox, as there is no room for it."""
    post = Post(config)
    post.look()
    for way, event in events if post.given is not None else ():
        try:
            attempt(way, event, post.given)
        except (LaterError, NeverError) as error:
            journal.log(journal.ERROR, f"{way} for {event} is dropped: {error}")
