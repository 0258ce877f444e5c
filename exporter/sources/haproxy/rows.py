"""How do the frontends, listeners, backends or servers of one HAProxy become lines?

What depends only on their names is kept from scrape to scrape, until a row comes, goes or moves.
"""

from __future__ import annotations

from functools import partial
from itertools import pairwise
from typing import TYPE_CHECKING

from exporter.render.columns import OneHot, Rows, milliseconds, numbers
from exporter.sources.haproxy.counts import COUNTS, check_word, counted, frontend_word, state_word
from exporter.sources.haproxy.names import CHECKS, CODES, COLUMNS, STATES
from vipwarden.node.haproxy.socket import BACKEND, FRONTEND, LISTENER, SERVER
from vipwarden.node.haproxy.table import texts

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from exporter.choice import Choice
    from exporter.render.exposition import Kind

    Columns = Callable[[str], list[bytes]]
    Names = tuple[list[bytes], list[bytes], list[bytes]]
    Made = Iterator[tuple[str, Kind, str, bytes | Callable[[], bytes]]]  # name, type, help, lines or what writes them

TYPES = {"F": FRONTEND, "L": LISTENER, "B": BACKEND, "S": SERVER}
PREFIXES = {"F": "haproxy_frontend_", "L": "haproxy_listener_", "B": "haproxy_backend_", "S": "haproxy_server_"}
_LABELS = {"F": ("proxy",), "L": ("proxy", "listener"), "B": ("proxy",), "S": ("proxy", "server")}
_COUNT_HELP = ("Servers by state.", "Servers by state; the older name.", "Servers by result of the last check.")


class Part:
    """The rows of one kind (F, L, B or S) of an instance, whose label is in ``instance``."""

    def __init__(self, letter: str, instance: tuple[str, ...], choice: Choice) -> None:
        self._letter = letter
        self._choice = choice
        self._names = (*(("haproxy_instance",) * len(instance)), *_LABELS[letter])
        self._instance = instance
        self._prefix = PREFIXES[letter]
        self._key: Names | None = None
        self._hidden: list[bool] = []
        self._info: tuple[object, Rows] | None = None
        self._counted: Names | None = None
        self._count: tuple[object, list[bytes]] = (None, [])
        self._columns = [
            (it, self._prefix + it.name)
            for it in COLUMNS
            if letter in it.kinds and choice.metric(self._prefix + it.name)
        ]

    def lines(self, whole: Columns, names: Names) -> Made:
        """Yield name, type, help and lines of each metric, always in the same order.

        ``whole`` returns a column of all rows; ``names`` are the columns type, pxname and svname, the objects of the
        last scrape if they are equal. Lines may be written later: no call changes what an earlier one returned.
        """
        self._settle(whole, names)

        def column(name: str) -> list[bytes]:
            values = whole(name)
            chosen: list[bytes] = []
            for first, last in self._runs:
                chosen += values[first:last]
            return chosen

        yield from self._words("status", "the current state", self._status, column("status"))
        yield from self._responses(column)
        for it, name in self._columns:
            values = (milliseconds if it.is_time else numbers)(column(it.column))
            yield name, it.type, it.help, partial(self._rows.lines, name, values)
        if self._letter == "S":
            yield from self._checks(column)
            yield from self._about(column)
        if self._letter == "B":
            yield from self._counts(whole)

    def _settle(self, whole: Columns, names: Names) -> None:
        """Choose the rows, and write their labels where they are not those of the last scrape."""
        hidden = [word[:5] == b"MAINT" for word in whole("status")] if self._hides else []
        if self._key is names and self._hidden == hidden:
            return
        kinds, proxies, servers = names
        wanted = TYPES[self._letter].encode()
        has_server = self._letter == "S"
        named = self._letter in "LS"
        labels: dict[tuple[str, ...], int] = {}  # and the place of the row; the first of two of a name counts
        for index, kind in enumerate(kinds):
            if kind == wanted and not (hidden and hidden[index]):
                proxy, server = texts((proxies[index], servers[index]))
                if self._choice.row(proxy, server if has_server else None):
                    labels.setdefault((*self._instance, proxy, *((server,) if named else ())), index)
        self._key, self._hidden = names, hidden
        self._labels = list(labels)
        self._runs = _runs(list(labels.values()))
        self._rows = Rows(self._names, labels)
        self._info = None
        codes = CODES if self._wants("http_responses_total") else ()
        self._codes = [Rows((*self._names, "code"), [(*own, code) for own in labels]) for code in codes]
        self._status = self._one_hot(
            "status", STATES[self._letter], frontend_word if self._letter == "F" else state_word
        )
        active = self._choice.check_status == "active"
        if has_server:
            self._check = self._one_hot("check_status", CHECKS, check_word, active=active)
            self._agent = self._one_hot("agent_status", CHECKS, check_word, active=active)

    @property
    def _hides(self) -> bool:
        return self._letter == "S" and self._choice.without_maint

    def _one_hot(
        self, name: str, states: Sequence[str], word: Callable[[bytes], bytes], *, active: bool = False
    ) -> OneHot:
        return OneHot(self._prefix + name, self._names, self._labels, states, word, active=active)

    def _wants(self, name: str) -> bool:
        return self._choice.metric(self._prefix + name)

    def _words(self, name: str, text: str, states: OneHot, column: Sequence[bytes]) -> Made:
        """Yield the states of the rows."""
        if self._wants(name):
            text = f"1 for {text}, 0 for the others."
            yield self._prefix + name, "gauge", text, partial(b"".join, states.lines(column))

    def _responses(self, column: Callable[[str], Sequence[bytes]]) -> Made:
        if self._letter != "L" and self._wants("http_responses_total"):
            name = f"{self._prefix}http_responses_total"
            classes = [(rows, numbers(column(f"hrsp_{code}"))) for code, rows in zip(CODES, self._codes, strict=True)]
            text = "Responses by class of status."
            yield name, "counter", text, lambda: b"".join([rows.lines(name, values) for rows, values in classes])

    def _checks(self, column: Callable[[str], Sequence[bytes]]) -> Made:
        checks = column("check_status")
        yield from self._words("check_status", "the result of the last check", self._check, checks)
        yield from self._code("check_code", "Code of the last check, such as a status of HTTP.", checks, column)
        agents = column("agent_status")
        yield from self._words("agent_status", "the result of the last agent check", self._agent, agents)
        yield from self._code("agent_code", "Code of the last agent check.", agents, column)

    def _code(self, code: str, text: str, checks: Sequence[bytes], column: Callable[[str], Sequence[bytes]]) -> Made:
        """Yield the code of each check that has a result, 0 for a result without a code."""
        if self._wants(code):
            codes = column(code)
            pairs = zip(checks, numbers(codes) or codes, strict=True)
            values = [(value or b"0") if check else b"" for check, value in pairs]
            name = self._prefix + code
            yield name, "gauge", text, partial(self._rows.lines, name, values)

    def _about(self, column: Callable[[str], Sequence[bytes]]) -> Made:
        if self._wants("info"):
            key = (column("addr"), column("tracked"))
            if self._info is None or self._info[0] != key:
                more = zip(self._labels, texts(key[0]), texts(key[1]), strict=True)
                labels = [(*own, address, tracked) for own, address, tracked in more]
                self._info = (key, Rows((*self._names, "address", "tracked"), labels))
            name = f"{self._prefix}info"
            text = "Its address and the server that it tracks; the value is always 1."
            yield name, "gauge", text, self._info[1].lines(name, [b"1"] * len(self._labels))

    def _counts(self, whole: Columns) -> Made:
        """Count the servers of each backend, also those without series."""
        statuses, checks = whole("status"), whole("check_status")
        if self._counted is not self._key or self._count[0] != (statuses, checks):
            kinds, proxies, _ = self._key or ([], [], [])
            lines = counted(self._names, self._labels, kinds, proxies, statuses, checks)
            self._counted, self._count = self._key, ((statuses, checks), lines)
        for name, text, written in zip(COUNTS, _COUNT_HELP, self._count[1], strict=True):
            if self._wants(name):
                yield self._prefix + name, "gauge", text, written


def _runs(places: Sequence[int]) -> list[tuple[int, int]]:
    """Return ascending places as runs: the servers of a backend are mostly one run."""
    gaps = [at for at, (before, after) in enumerate(pairwise(places), 1) if after - before > 1]
    return [(places[first], places[last - 1] + 1) for first, last in pairwise([0, *gaps, len(places)]) if last > first]
