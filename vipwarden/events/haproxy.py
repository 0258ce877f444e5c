"""Which servers and backends of a HAProxy changed their state, and did it end, start, reload or fall silent?

HAProxy has no notification of it: its stats socket is asked again and again. How long ago a state began it says
itself, in whole seconds.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from vipwarden.core.result import one_line
from vipwarden.events.process import Process
from vipwarden.net.blocking import BlockingNet
from vipwarden.node.haproxy.socket import BACKEND, HaproxyError, answered, first_word, parsed
from vipwarden.node.haproxy.table import texts
from vipwarden.state.clock import boot

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from vipwarden.events.process import Tell
    from vipwarden.node.haproxy.socket import Report
    from vipwarden.node.haproxy.source import Source

_COMMANDS = "show info;show stat -1 6 -1"  # backends and servers
_DEADLINE = 1.0  # seconds
_MOST_TEXT = 200
_STATUS = 17  # place of the column "status", management guide 9.1


class _Row(NamedTuple):
    """What the table says of a backend or server."""

    state: str
    of: str
    ago: float
    text: str


class Haproxy:
    """Asks one HAProxy, and compares with its last answer; ``label`` tells it from others of this node."""

    def __init__(self, sources: Sequence[Source], label: str = "") -> None:
        self._sources = sources
        self._label = label
        self._name = f"haproxy {label}".rstrip()
        self._process = Process(self._name, b"haproxy")
        self._has_ended = False
        self._known: dict[str, str] | None = None
        self._states: object = None
        self._trouble = ""
        self._looked = 0.0

    def descriptors(self) -> Iterable[int]:
        """Return a descriptor that can be read when its process has ended."""
        return self._process.descriptors()

    def look(self, tell: Tell) -> None:
        """Tell what has changed; raises nothing. What was there at the first look is no news."""
        begun = boot()
        try:
            name, data = self._ask()
            states = _states(data)
            answer = None if states is not None and states == self._states else parsed(name, data)
        except HaproxyError as error:
            self._fail(str(error), tell)
            return
        if self._trouble:
            self._trouble = ""
            tell("source", self._name, state="read", before="failed")
        if answer is not None:
            self._states = states
            pid = answer.info.get("Pid", "")
            self._process.runs(int(pid) if pid.isdecimal() and len(pid) < 10 else 0, tell, reloads=True)
            self._compare(answer, begun - self._looked, tell)
        self._has_ended = False
        if self._process.has_ended():  # and another answers, which does not say its PID
            self._process.ended(tell)
        self._looked = begun

    def leave(self) -> None:
        """Ask it no more."""
        self._process.leave()

    def _ask(self) -> tuple[str, bytes]:
        """Return the answer of the first source that answers, and its name; raises HaproxyError."""
        net = BlockingNet()
        net.begin(_DEADLINE)
        errors = []
        for index, source in enumerate(self._sources):
            net.share(len(self._sources) - index)
            try:
                answered(net, source, _COMMANDS).send(None)
            except StopIteration as end:
                return str(source), end.value
            except HaproxyError as error:
                errors.append(str(error))
        raise HaproxyError("; ".join(errors))

    def _fail(self, trouble: str, tell: Tell) -> None:
        self._states = None
        if self._process.has_ended():
            self._process.ended(tell)
            self._has_ended = True  # which says why it does not answer
        elif not self._has_ended and not self._trouble:
            self._process.absent()
            self._trouble = trouble
            tell("source", self._name, state="failed", text=one_line(trouble, _MOST_TEXT))

    def _compare(self, answer: Report, passed: float, tell: Tell) -> None:
        """Tell whose state differs; ``passed`` are the seconds since the last answer."""
        rows = _rows(answer)
        before, self._known = self._known, {name: row.state for name, row in rows.items()}
        if before is None:
            return
        where = f"{self._label}: " if self._label else ""
        for name in before.keys() - rows.keys():
            tell("haproxy", name, state="removed", before=before[name], text=self._label)
        for name, row in rows.items():
            text = where + row.text if row.text else self._label
            if name not in before:
                tell("haproxy", name, of=row.of, state=row.state, before="added", text=text)
            elif before[name] != row.state:
                ago = min(row.ago, passed)
                tell("haproxy", name, of=row.of, state=row.state, before=before[name], text=text, ago=ago)


def _states(data: bytes) -> object:
    """Return what is of another value where a state has changed, at a part of the cost of reading all; None if unknown.

    That is the PID, and each row's proxy, server and status, which are never quoted.
    """
    head, mark, table = data.partition(b"\n# pxname,")
    rows = [line.split(b",", _STATUS + 1) for line in table.split(b"\n")]
    if not mark or rows[0][_STATUS - 1 : _STATUS] != [b"status"]:
        return None
    states = [(*row[:2], row[_STATUS]) for row in rows[1:] if len(row) > _STATUS]
    return head.partition(b"\nPid: ")[2].partition(b"\n")[0], states


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
