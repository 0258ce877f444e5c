"""Which servers and backends of HAProxy changed their state, and did HAProxy end, start, reload or fall silent?

HAProxy has no notification of it: its stats socket is asked again and again. How long ago a state began it says
itself, in whole seconds.
"""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, NamedTuple

from vipwarden.core.result import one_line
from vipwarden.events.process import Process
from vipwarden.net.blocking import BlockingNet
from vipwarden.node.haproxy.conf import instances
from vipwarden.node.haproxy.socket import BACKEND, HaproxyError, HaproxyMissingError, first_word, report
from vipwarden.node.haproxy.table import texts
from vipwarden.state.clock import boot

if TYPE_CHECKING:
    from vipwarden.events.process import Tell
    from vipwarden.node.haproxy.socket import Report
    from vipwarden.node.haproxy.source import Instance

_COMMANDS = "show info;show stat -1 6 -1"  # backends and servers
_DEADLINE = 1.0  # seconds
_MOST_TEXT = 200


class _Row(NamedTuple):
    """What the table tells of a backend or server."""

    state: str
    of: str
    ago: float
    text: str


class Haproxy:
    """Asks the HAProxy of a haproxy.cfg by its unix socket, and compares with the last answer."""

    def __init__(self, conf: str) -> None:
        self._conf = conf
        self._stamp: object = None
        self._places: list[Instance] = []
        self._process = Process("haproxy")
        self._known: dict[str, str] | None = None
        self._columns: object = None
        self._trouble = ""
        self._looked = 0.0

    def fileno(self) -> int:
        """Return a descriptor that can be read when its process has ended, -1 where there is none."""
        return self._process.fileno()

    def look(self, tell: Tell) -> None:
        """Tell what has changed; raises nothing. What was there at the first look is no news."""
        begun = boot()
        try:
            answer = self._ask()
        except HaproxyError as error:
            self._fail(error, tell)
            return
        if self._trouble:
            self._trouble = ""
            tell("source", "haproxy", state="read", before="failed")
        if (pid := answer.info.get("Pid", "")).isdecimal() and 0 < int(pid[:10]) < 1 << 31:
            self._process.runs(int(pid), tell, reloads=True)
        if self._process.has_ended():  # and another answers, which does not say its PID
            self._process.ended(tell)
        self._compare(answer, begun - self._looked, tell)
        self._looked = begun

    def _ask(self) -> Report:
        """Ask the first HAProxy; raises HaproxyError."""
        stamp = _stamp(self._conf)
        if stamp != self._stamp or not self._places:
            self._places = instances(self._conf, only="unix")
            self._stamp = stamp
        net = BlockingNet()
        net.begin(_DEADLINE)
        try:
            report(net, self._places[0].sources, commands=_COMMANDS).send(None)
        except StopIteration as end:
            answer: Report = end.value
            return answer
        raise RuntimeError("a question waited for something other than its Net")

    def _fail(self, error: HaproxyError, tell: Tell) -> None:
        if self._process.has_ended():
            self._process.ended(tell)
            return  # which says why it does not answer
        if isinstance(error, HaproxyMissingError) or (self._known is not None and not self._process.pid):
            self._process.absent()
            return
        if not self._trouble:
            self._process.absent()
            tell("source", "haproxy", state="failed", text=one_line(str(error), _MOST_TEXT))
        self._trouble = str(error)

    def _compare(self, answer: Report, passed: float, tell: Tell) -> None:
        """Tell whose state differs; ``passed`` are the seconds since the last answer."""
        columns = [answer.table.column(name) for name in ("pxname", "svname", "status")]
        if columns == self._columns:
            return
        self._columns = columns
        rows = _rows(answer)
        before, self._known = self._known, {name: row.state for name, row in rows.items()}
        if before is None:
            return
        for name in before.keys() - rows.keys():
            tell("haproxy", name, state="removed", before=before[name])
        for name, row in rows.items():
            if name not in before:
                tell("haproxy", name, of=row.of, state=row.state, before="added", text=row.text)
            elif before[name] != row.state:
                ago = min(row.ago, passed)
                tell("haproxy", name, of=row.of, state=row.state, before=before[name], text=row.text, ago=ago)


def _rows(answer: Report) -> dict[str, _Row]:
    table = answer.table
    found = {}
    names = ("pxname", "svname", "type", "status", "lastchg", "last_chk")
    for backend, server, kind, status, changed, text in zip(*(texts(table.column(it)) for it in names), strict=True):
        is_backend = kind == BACKEND
        # rounded down by HAProxy: what it caused must not come before it
        ago = int(changed[:9]) + 1.0 if changed.isdecimal() else 0.0
        name = backend if is_backend else f"{backend}/{server}"
        found[name] = _Row(first_word(status), "backend" if is_backend else "server", ago, one_line(text, _MOST_TEXT))
    return found


def _stamp(path: str) -> object:
    try:
        status = os.stat(path)  # noqa: PTH116
    except OSError:
        return None
    return status.st_ino, status.st_mtime_ns, status.st_size
