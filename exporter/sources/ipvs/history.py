"""How many connections had virtual services and real servers in the last quarter of an hour?"""

from __future__ import annotations

from array import array
from itertools import chain
from typing import TYPE_CHECKING

from exporter.render import history
from exporter.render.history import NOTHING, Change

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from exporter.render.history import Columns, Past
    from vipwarden.node.ipvs.read import Service, Table

    Name = tuple[str, str, int, str]
    Key = tuple[Name, tuple[str, str]]

ACTIVE, CONNECTIONS = range(2)
LIVE, QUIET = b"live", b"weight 0"
WHOLE = "", ""  # in place of a real server: the virtual service
_MOST = 1 << 31


def name(service: Service) -> Name:
    """Return what identifies a virtual service."""
    return service.proto, service.address, service.port, service.mark


class History(history.History):
    """The past of the kernel's table; the keys of its rows are virtual service and real server, or WHOLE."""

    def take(self, when: float, table: Table) -> Past:
        """Add a reading and return what is known with it; ``when`` is on the monotonic clock."""
        return self.add(when, _Reading(table))


class _Reading:
    """The table of the kernel: the real servers of each service, and behind them the service."""

    def __init__(self, table: Table) -> None:
        self._services = table.services
        self.names = [(name(it), it.columns.endpoints) for it in table.services]
        self.states = list(chain.from_iterable((*map(_state, it.columns.weight), b"") for it in table.services))

    def keys(self) -> Sequence[Key]:
        """Return service and server of each row."""
        return [(service, server) for service, servers in self.names for server in (*servers, WHOLE)]

    def changes(self, when: float, before: Sequence[bytes]) -> Iterator[Change]:
        """Yield the real servers whose weight has become 0, or is so no more."""
        for old, new, key in zip(before, self.states, self.keys(), strict=True):
            if old and old != new:
                yield Change(when, key, new)

    def columns(self) -> Columns:
        """Return the columns ACTIVE and CONNECTIONS."""
        active = [list(map(int, it.columns.active)) for it in self._services]
        counters = [list(map(int, it.columns.counters[0])) if it.columns.counters else [] for it in self._services]
        rows = zip(self._services, counters, strict=True)
        totals = [(*(numbers or [NOTHING] * len(it.columns.weight)), _whole(it)) for it, numbers in rows]
        return _array("i", ((*numbers, sum(numbers)) for numbers in active)), _array("q", totals)


def _state(weight: bytes | int) -> bytes:
    return LIVE if int(weight) > 0 else QUIET


def _whole(service: Service) -> int:
    return service.counters[0] if service.counters else NOTHING


def _array(kind: str, rows: Iterable[Sequence[int]]) -> array[int]:
    most = _MOST if kind == "i" else _MOST << 32
    return array(kind, [number if number < most else NOTHING for number in chain.from_iterable(rows)])
