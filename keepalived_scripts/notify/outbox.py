"""How are mails and webhooks sent, and tried again after a failure? By a single worker.

Mail and webhook have their own order and pauses. The worker reads a changed configuration and then tries all messages
at once.
"""

from __future__ import annotations

import os
import select
import signal
import sys
from pathlib import Path
from time import sleep
from typing import TYPE_CHECKING, Any

from keepalived_scripts.notify import deliver, journal
from keepalived_scripts.notify.deliver import LaterError, NeverError
from keepalived_scripts.notify.settings import load, ways
from keepalived_scripts.notify.spool import Spool, read_event
from vipwarden.config.document import PATH, ConfigError
from vipwarden.state.clock import boot

if TYPE_CHECKING:
    from collections.abc import Sequence

    from keepalived_scripts.notify.event import Event

_LONGEST_PAUSE = 300.0  # seconds between two attempts
_TURN = 0.25  # seconds between two looks at the outbox
_MOST = 4096  # bytes of the reason for a failure


class Post:
    """The current settings, and for each way the time of the next attempt."""

    def __init__(self, config: str | None) -> None:
        self._path = Path(config or PATH)
        self._config = config
        self._stamp: object = None
        self.given: Any = None
        self.pauses: dict[str, float] = {}
        self.due: dict[str, float] = {}

    def reload(self) -> None:
        """Read the configuration if it has changed. While it has an error, the settings before it hold."""
        try:
            status = self._path.stat()
            stamp: object = (status.st_ino, status.st_size, status.st_mtime_ns)
        except OSError as error:
            stamp = error.errno
        if stamp == self._stamp:
            return
        self._stamp = stamp
        try:
            self.given = load(self._config)
        except ConfigError as error:
            journal.log(journal.ERROR, f"mail and webhook go on as before: {error}")
            return
        self.pauses, self.due = {}, {}

    def turn(self, outbox: Spool, _first: str) -> None:
        """Try all messages that are due once, then wait for a moment."""
        self.reload()
        blocked = {way for way, time in self.due.items() if time > boot()}
        for name in outbox.names():
            data = outbox.get(name)
            way = str(data.get("way"))
            if way not in blocked and not self._try(outbox, name, way, float(data.get("until", 0))):
                blocked.add(way)
        if outbox.names():
            sleep(_TURN)

    def _try(self, outbox: Spool, name: str, way: str, until: float) -> bool:
        """Try to send one event; return whether the way is open."""
        event = read_event(outbox, name)
        if event is None:
            outbox.done(name)
            return True
        try:
            if self.given is None:  # there was an error in the configuration from the start
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
    """Send the messages of the outbox in their order, each way for itself, and repeat failed attempts."""
    signal.signal(signal.SIGTERM, lambda *_: sys.exit())  # the outbox stays for the next event's worker
    Spool("outbox").work_off(Post(config).turn)


def send_once(config: str | None, messages: Sequence[tuple[str, Event]]) -> None:
    """Try once to send messages for which the outbox has no room."""
    post = Post(config)
    post.reload()
    for way, event in messages if post.given is not None else ():
        try:
            attempt(way, event, post.given)
        except (LaterError, NeverError) as error:
            journal.log(journal.ERROR, f"{way} for {event} is dropped: {error}")


def attempt(way: str, event: Event, given: Any) -> None:
    """Send an event by mail or webhook within ``attempt_timeout`` seconds; raises LaterError or NeverError.

    It runs in a process of its own: the time-out of a socket starts again with each byte, that of a name server may
    never end.
    """
    source, sink = os.pipe()
    try:
        child = os.fork()
    except OSError as error:
        os.close(source)
        os.close(sink)
        raise LaterError(f"no process for it: {error.strerror}") from None
    if child == 0:
        _send(way, event, given, sink)
    os.close(sink)
    reply: bytes | None = None
    try:
        if select.select([source], [], [], given.attempt_timeout)[0]:
            reply = os.read(source, _MOST) or b"later the attempt died"
    finally:
        os.close(source)
        _end(child)
    if reply is None:
        raise LaterError(f"it took longer than {given.attempt_timeout:g} s")
    kind, _, text = reply.decode("utf-8", "replace").partition(" ")
    if kind != "sent":
        raise (LaterError if kind == "later" else NeverError)(text or "the attempt was killed")


def _send(way: str, event: Event, given: Any, sink: int) -> None:
    """Send, as a child process, and exit."""
    try:
        os.setsid()
        signal.signal(signal.SIGTERM, signal.SIG_DFL)
        {"mail": deliver.mail, "webhook": deliver.webhook}[way](event, given)
        reply = "sent"
    except LaterError as error:
        reply = f"later {error}"
    except NeverError as error:
        reply = f"never {error}"
    except Exception as error:  # noqa: BLE001 - a bug must not block the other messages
        reply = f"never internal error: {type(error).__name__}"
    os.write(sink, reply.encode("utf-8", "replace")[:_MOST])
    os._exit(0)


def _end(child: int) -> None:
    """End the child and what it started, such as sendmail."""
    try:
        os.killpg(child, signal.SIGKILL)
    except ProcessLookupError:  # it has no group of its own yet
        os.kill(child, signal.SIGKILL)
    os.waitpid(child, 0)
