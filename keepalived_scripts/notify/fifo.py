"""How are the events read that keepalived writes to its FIFO, without missing any?

keepalived opens the FIFO without waiting for a reader, drops what does not fit, and makes a new one at each reload and
start. So it is kept open for reading and writing (an end of file never comes), made as large as the kernel allows, read
at once, looked for at its path again and again, and now and then the kernel's addresses are asked what was missed.
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

_TURN = 0.25  # seconds between two looks whether the FIFO is still the one at its path
_MOST_LINE = 4096
_ROOM = 1 << 20  # bytes that the pipe is to hold: thousands of real servers may go down at once
_ALIVE = 1.0  # seconds between two words to systemd's watchdog
_LAST_WORDS = 0.3  # seconds in which keepalived may say STOP after it told us to end


class Lines:
    """Puts together the lines of what was read in pieces."""

    def __init__(self) -> None:
        self.rest = b""

    def feed(self, data: bytes) -> list[str]:
        """Return the lines that are whole now; one without an end is dropped."""
        *lines, self.rest = (self.rest + data).split(b"\n")
        if len(self.rest) > _MOST_LINE:
            self.rest = b""
        return [line.decode("utf-8", "replace") for line in lines if line.strip()]


class Reader:
    """Reads the FIFO at ``path`` until it is told to end; ``every`` is the seconds between two comparisons."""

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
        """Read until SIGTERM, and then what keepalived still has to say."""
        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, self._end)
        signal.signal(signal.SIGHUP, lambda *_: None)  # not SIG_IGN, which the hooks would inherit
        compared, complained = boot(), ""
        told = 0.0
        notify("READY=1", f"STATUS=reads {self.path}")
        while not self.ending:
            self._turn(_TURN)
            if boot() - told >= _ALIVE:
                told = boot()
                notify("WATCHDOG=1")
            if boot() - compared < self.every:
                continue
            compared = boot()
            self._take_up()
            self._take_all(self.comparison.look())
            if self.comparison.complaint != complained:
                complained = self.comparison.complaint
                if complained:
                    journal.log(journal.WARNING, complained)
        notify("STOPPING=1")
        until = boot() + _LAST_WORDS
        while (left := until - boot()) > 0:
            self._turn(min(left, 0.05))

    def _turn(self, seconds: float) -> None:
        """Wait for data on the FIFO, read all that is there, and see whether it was replaced."""
        if self.source is None:
            self._open()
        poll = select.poll()
        if self.source is not None:
            poll.register(self.source, select.POLLIN)
        poll.poll(seconds * 1000)
        if self.source is None:
            return
        replaced = self._is_replaced()  # looked at first: what came before the new one is still read
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
            return  # keepalived has not made it yet
        if stat.S_ISFIFO(os.fstat(source).st_mode):
            self.source, self.lines = source, Lines()
            with contextlib.suppress(OSError):  # more than an operator's limit allows
                fcntl.fcntl(source, fcntl.F_SETPIPE_SZ, _ROOM)
        else:
            os.close(source)

    def _is_replaced(self) -> bool:
        if self.source is None:
            return False
        try:
            there = Path(self.path).stat()
        except OSError:
            return False  # it may still be written to until the new one is there
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
        """Take all that there is, and then start one worker for it.

        A director that loses its network tells of thousands of real servers at once; where that is nobody's
        concern it is logged and no more.
        """
        todo = set()
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
        """See to work that a worker left behind: one that was killed, or found no room."""
        with contextlib.suppress(OSError):
            if Spool("hooks").names() or Spool("outbox").names():
                go_on(self.config)

    def _end(self, _number: int, _frame: object) -> None:
        self.ending = True
