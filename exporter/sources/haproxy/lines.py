"""What are the lines of HAProxy's table on the page, and their states?

Of thousands of lines the page shows some hundreds: a line makes its texts when they are needed, and what all lines are
judged by is computed by column.
"""

from __future__ import annotations

from functools import cached_property, lru_cache
from itertools import repeat
from typing import TYPE_CHECKING

from exporter.render.model import joined, key
from exporter.render.words import Mark, number, span
from vipwarden.core.result import one_line
from vipwarden.node.haproxy.socket import BACKEND, FRONTEND, SERVER, first_word
from vipwarden.node.haproxy.table import text

if TYPE_CHECKING:
    from collections.abc import Hashable, Mapping, Sequence

    from vipwarden.node.haproxy.socket import Report
    from vipwarden.node.haproxy.table import Table

    Texts = Mapping[str, str]

_FRONTEND = {"OPEN": "good", "FULL": "warn", "PAUSED": "maint"}
_LOST = ("bad", "rising")
_MOST_TEXT = 200
_NEAR = 0.8  # of a limit of sessions


class Line:
    """A frontend, backend or server; ``line["scur"]`` is the text of a column."""

    __slots__ = ("_place", "lines")

    def __init__(self, lines: InstanceLines, place: int) -> None:
        self.lines = lines
        self._place = place

    def __getitem__(self, name: str) -> str:
        return shown(self.lines.columns[name][self._place])

    @property
    def mark(self) -> Mark:
        """The state of a server."""
        return self.lines.marks[self._place]

    @property
    def counted(self) -> tuple[str, bytes, bytes]:
        """The key of its counters: instance, proxy and server."""
        return self.lines.label, self.lines.columns["pxname"][self._place], self.lines.columns["svname"][self._place]

    @property
    def host(self) -> str:
        """The host in the address of a server, "" if it is not known."""
        return self["addr"].rpartition(":")[0]

    @property
    def backend(self) -> Line:
        """The backend of a server."""
        return self.lines.backend(self)

    @property
    def key(self) -> str:
        """The key of its row."""
        return key("haproxy", self.lines.label, self["pxname"], self["svname"])

    @property
    def since(self) -> str:
        """How long it has been in its state."""
        return span(number(self["lastchg"])) if self["lastchg"].isdecimal() else ""


class _Columns(dict[str, "list[bytes]"]):
    """The columns of a table, each cut out when it is needed."""

    def __init__(self, table: Table) -> None:
        super().__init__()
        self._table = table

    def __missing__(self, name: str) -> list[bytes]:
        column = self[name] = self._table.column(name)
        return column


class InstanceLines:
    """The lines of an instance."""

    def __init__(self, label: str, report: Report) -> None:
        self.label = label
        self.columns = _Columns(report.table)
        kinds = self.columns["type"]
        self.frontends, self.backends, self.all_servers = (
            [Line(self, place) for place, each in enumerate(kinds) if each == kind]
            for kind in (FRONTEND.encode(), BACKEND.encode(), SERVER.encode())
        )
        self._servers: dict[bytes, list[Line]] = {}
        for line in self.all_servers:
            self._servers.setdefault(line.counted[1], []).append(line)

    def servers(self, backend: Line) -> Sequence[Line]:
        """Return the servers of a backend."""
        return self._servers.get(backend.counted[1], ())

    def backend(self, server: Line) -> Line:
        """Return the backend of a server; the server itself if the table has none."""
        return self._backends.get(server.counted[1], server)

    @cached_property
    def _backends(self) -> dict[bytes, Line]:
        return {line.counted[1]: line for line in self.backends}

    @cached_property
    def marks(self) -> list[Mark]:
        """The state of each line, as if it was a server."""
        return list(map(_mark, self.columns["status"], self.columns["bck"]))

    def counters(self) -> dict[Hashable, Sequence[bytes]]:
        """Return the bytes received and sent of each line."""
        names = zip(repeat(self.label), self.columns["pxname"], self.columns["svname"])
        counted = zip(self.columns["bin"], self.columns["bout"], strict=True)
        return dict(zip(names, counted, strict=True))


@lru_cache(4096)
def shown(field: bytes) -> str:
    """Return the bounded, printable text of a field."""
    plain = text(field)
    return plain if len(plain) <= _MOST_TEXT and plain.isprintable() else one_line(plain, _MOST_TEXT)


@lru_cache(512)
def _mark(status: bytes, backup: bytes) -> Mark:
    return server_mark({"status": shown(status), "bck": shown(backup)})


def server_mark(line: Texts) -> Mark:
    """Return the state of a server: UP, DOWN, on the way (UP 1/3, DOWN 1/2), or taken out."""
    status = line["status"]
    word = first_word(status)
    moves = "/" in status and "(" not in status
    if status == "no check":
        return Mark("idle", status)
    if word == "UP":
        return Mark("warn" if moves else "backup" if line["bck"] == "1" else "good", status)
    if word == "DOWN":
        return Mark("rising" if moves else "bad", status)
    if word == "MAINT":
        return Mark("warn" if "resolution" in status else "maint", status)
    return Mark("drain" if word in ("DRAIN", "NOLB") else "unknown", status)


def is_up(mark: Mark) -> bool:
    """Return whether a state is UP, also while checks begin to fail."""
    return first_word(mark.word) == "UP"


def is_half(servers: Sequence[Line]) -> bool:
    """Return whether at most half of the servers are up, without those in MAINT and, if others are, the backups."""
    if not any(line.mark.tone in _LOST for line in servers):
        return False
    wanted = [line for line in servers if line.mark.tone != "maint"]
    active = [line for line in wanted if line["bck"] != "1"] or wanted
    return 2 * sum(is_up(line.mark) for line in active) <= len(active)


def backend_mark(line: Line, *, half: bool = True) -> Mark:
    """Return the state of a backend, with ``half`` also that at most half of it is up.

    One without servers, such as of a stats page, is no problem.
    """
    servers = line.lines.servers(line)
    if not servers:
        return Mark("idle", "no servers")
    tone = "bad" if not is_up(line.mark) else "warn" if half and is_half(servers) else "good"
    return Mark(tone, line["status"])


def frontend_mark(line: Line) -> Mark:
    """Return the state of a frontend."""
    return Mark(_FRONTEND.get(first_word(line["status"]), "bad"), line["status"])


def last_check(line: Line) -> tuple[str, str]:
    """Return the result of the last check, and the answer."""
    status = line["check_status"].removeprefix("* ")  # the mark of a running check
    code = line["check_code"] if status.startswith("L7") else ""
    took = f"in {line['check_duration']} ms" if line["check_duration"] not in ("", "-1") and status else ""
    agent = f"agent {line['agent_status']}" if line["agent_status"] else ""
    return joined(joined(status, code, took, by=" "), agent), line["last_chk"] or line["check_desc"]


def near_limit(line: Line) -> bool:
    """Return whether its sessions are near their limit."""
    return number(line["slim"]) > 0 and number(line["scur"]) > _NEAR * number(line["slim"])
