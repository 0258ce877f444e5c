"""How are keepalived's events read from its FIFO without losing any?

keepalived opens the FIFO without waiting for a reader, drops what does not fit, and creates a new FIFO at each start
and reload. So the reader keeps it open for reading and writing (which avoids the end of file), makes it as large as the
kernel allows, reads at once, checks the path for a new FIFO, and compares the record with the kernel's addresses.
"""

from __future__ import annotations

import contextlib
import fcntl
import os
import select
import signal
import stat
from pathlib import Path
from typing import TYPE_CHECKING

from keepalived_scripts.notify import journal
from keepalived_scripts.notify.accept import Next, accept, go_on
from keepalived_scripts.notify.compare import Comparison
from keepalived_scripts.notify.event import EventError, from_line
from keepalived_scripts.notify.settings import load_anyway, wants
from keepalived_scripts.notify.spool import Spool
from vipwarden.core.systemd import notify
from vipwarden.node.keepalived.vrrp_state import TYPES
from vipwarden.state.clock import boot

if TYPE_CHECKING:
    from collections.abc import Iterable

    from keepalived_scripts.notify.event import Event

_TURN = 0.25  # seconds between two checks for a new FIFO
_MOST_LINE = 4096
_ROOM = 1 << 20  # bytes of the pipe: thousands of real servers may go down at once
_ALIVE = 1.0  # seconds between two messages to systemd's watchdog
_LAST_WORDS = 0.3  # seconds in which keepalived may write STOP after our SIGTERM


class Lines:
    """Joins pieces of data into lines."""

    def __init__(self) -> None:
        self.rest = b""

    def feed(self, data: bytes) -> list[str]:
        """Return the complete lines; an endless line is dropped."""
        *lines, self.rest = (self.rest + data).split(b"\n")
        if len(self.rest) > _MOST_LINE:
            self.rest = b""
        return [line.decode("utf-8", "replace") for line in lines if line.strip()]


class Reader:
    """Reads the FIFO at ``path`` until SIGTERM; ``every`` is the seconds between two comparisons."""

    def __init__(self, path: str, config: str | None, conf: str, every: float) -> None:
        self.path = path
        self.config = config
        self.comparison = Comparison(conf)
        self.every = every
        self.source: int | None = None
        self.lines = Lines()
        self.count = 0
        self.ending = False

    def run(self) -> None:
        """Read until SIGTERM, and then keepalived's last events."""
        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, self._end)
        signal.signal(signal.SIGHUP, lambda *_: None)  # not SIG_IGN, which the hooks would inherit
        compared, alive, complaint = boot(), 0.0, ""
        notify("READY=1", f"STATUS=reads {self.path}")
        while not self.ending:
            self._turn(_TURN)
            if boot() - alive >= _ALIVE:
                alive = boot()
                notify("WATCHDOG=1")
            if boot() - compared < self.every:
                continue
            compared = boot()
            self._take_up()
            self._take_all(self.comparison.look())
            if self.comparison.complaint != complaint:
                complaint = self.comparison.complaint
                if complaint:
                    journal.log(journal.WARNING, complaint)
        notify("STOPPING=1")
        until = boot() + _LAST_WORDS
        while (left := until - boot()) > 0:
            self._turn(min(left, 0.05))

    def _turn(self, seconds: float) -> None:
        """Wait for data on the FIFO, read all of it, and then change to a new FIFO, if any."""
        if self.source is None:
            self._open()
        poll = select.poll()
        if self.source is not None:
            poll.register(self.source, select.POLLIN)
        poll.poll(seconds * 1000)
        if self.source is None:
            return
        replaced = self._is_replaced()  # first: then nothing written to the old one is missed
        while data := self._read(self.source):
            self._take_all(filter(None, map(self._event, self.lines.feed(data))))
        if replaced:
            os.close(self.source)
            self.source = None
            self._open()

    def _open(self) -> None:
        try:
            source = os.open(self.path, os.O_RDWR | os.O_NONBLOCK | os.O_CLOEXEC | os.O_NOFOLLOW)
        except OSError:
            return  # keepalived has not created it yet
        if stat.S_ISFIFO(os.fstat(source).st_mode):
            self.source, self.lines = source, Lines()
            with contextlib.suppress(OSError):  # above the limit of the system
                fcntl.fcntl(source, fcntl.F_SETPIPE_SZ, _ROOM)
        else:
            os.close(source)

    def _is_replaced(self) -> bool:
        if self.source is None:
            return False
        try:
            there = Path(self.path).stat()
        except OSError:
            return False  # keepalived may still write to it until the new one is there
        here = os.fstat(self.source)
        return (there.st_dev, there.st_ino) != (here.st_dev, here.st_ino)

    def _read(self, source: int) -> bytes:
        try:
            return os.read(source, 65536)
        except BlockingIOError:
            return b""

    def _event(self, line: str) -> Event | None:
        try:
            event = from_line(line)
        except EventError as error:
            journal.log(journal.WARNING, f"{self.path}: {error}")
            return None
        self.count += 1
        event.source, event.order = "fifo", (boot(), self.count)
        return event

    def _take_all(self, events: Iterable[Event]) -> None:
        """Accept all events, and then start a worker for them.

        A director that loses its network writes thousands of events of real servers at once; without hooks and
        receivers for them they are only logged.
        """
        todo: set[Next] = set()
        at_once = []
        wanted: dict[str, bool] = {}
        for event in events:
            if event.kind not in TYPES and event.state not in wanted:
                wanted[event.state] = wants(load_anyway(self.config), event.state)
            step = accept(event, wanted=event.kind in TYPES or wanted[event.state])
            todo.add(step)
            if step is Next.AT_ONCE:
                at_once.append(event)
        if todo - {Next.NOTHING}:
            go_on(self.config, at_once)

    def _take_up(self) -> None:
        """Finish the work of a worker that was killed, or had no room."""
        with contextlib.suppress(OSError):
            if Spool("hooks").names() or Spool("outbox").names():
                go_on(self.config)

    def _end(self, _number: int, _frame: object) -> None:
        self.ending = True
