"""How were sessions, rates, errors and check times of HAProxy's rows in the last quarter of an hour?"""

from __future__ import annotations

from array import array
from typing import TYPE_CHECKING

from exporter.render import history
from exporter.render.history import HOUR, NOTHING, Change
from vipwarden.node.haproxy.socket import SERVER

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from exporter.render.history import Columns, Past
    from vipwarden.node.haproxy.table import Table

SESSIONS, TOTAL, ERRORS, CHECK = range(4)
_COLUMNS = (("i", ("scur",)), ("q", ("stot",)), ("q", ("econ", "eresp")), ("i", ("check_duration",)))
_DIGITS = 10  # of a number that is larger than an array's int


class History(history.History):
    """The past of one HAProxy; the keys of its rows are proxy and server."""

    def take(self, when: float, table: Table) -> Past:
        """Add a reading and return what is known with it; ``when`` is on the monotonic clock."""
        return self.add(when, _Reading(table))


class _Reading:
    """The table of one HAProxy."""

    def __init__(self, table: Table) -> None:
        self._table = table
        self.names: tuple[list[bytes], list[bytes]] = table.column("pxname"), table.column("svname")
        self.states = table.column("status")

    def keys(self) -> Sequence[tuple[bytes, bytes]]:
        """Return proxy and server of each row."""
        return list(zip(*self.names, strict=True))

    def changes(self, when: float, before: Sequence[bytes]) -> Iterator[Change]:
        """Yield the servers in another state, also those seen for the first time that were down before."""
        columns = (self._table.column(name) for name in ("type", "pxname", "svname", "status", "lastchg", "chkdown"))
        server = SERVER.encode()
        for old, kind, proxy, name, new, since, downs in zip(before, *columns, strict=True):
            if old == new or kind != server or old.partition(b" ")[0] == new.partition(b" ")[0]:
                continue
            ago = int(since) if since.isdigit() and len(since) < _DIGITS else 0
            if ago < HOUR and (old or downs.strip(b"0")):
                yield Change(when - ago, (proxy, name), new)

    def columns(self) -> Columns:
        """Return the columns SESSIONS, TOTAL, ERRORS and CHECK."""
        return tuple(_numbers(self._table, kind, names) for kind, names in _COLUMNS)


def _numbers(table: Table, kind: str, columns: Sequence[str]) -> array[int]:
    """Return the sums of columns, NOTHING for rows that have no number in any."""
    most = _DIGITS if kind == "i" else 2 * _DIGITS - 1  # a sum of two is an int of its size as well
    first, *others = (
        [int(value) if value.isdigit() and len(value) < most else NOTHING for value in table.column(name)]
        for name in columns
    )
    for other in others:
        first = [max(a, 0) + max(b, 0) if a >= 0 or b >= 0 else NOTHING for a, b in zip(first, other, strict=True)]
    return array(kind, first)
