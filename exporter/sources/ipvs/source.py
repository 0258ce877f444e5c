"""Which virtual services and real servers has the kernel? Labels of node_exporter, under another prefix.

The same names from two exporters of a host would double sums.
"""

from __future__ import annotations

from itertools import chain
from operator import attrgetter
from time import monotonic
from typing import TYPE_CHECKING

from exporter.render.columns import Rows
from exporter.render.exposition import Lines, sample
from exporter.render.history import Past
from exporter.source import AbsentError, Source
from exporter.sources.ipvs.history import History
from vipwarden.node.ipvs.read import COUNTERS, IpvsMissingError, Table, Tables

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from exporter.render.exposition import Kind, Metric
    from exporter.settings import Settings
    from vipwarden.node.ipvs.read import Service

Ipvs = Table

_SERVICE = ("local_address", "local_port", "local_mark", "proto")
_SERVER = ("local_address", "local_port", "local_mark", "remote_address", "remote_port", "proto")
_OF_SERVERS = (
    ("weight", "weight", "Weight of the real server; at 0 it gets no new connections."),
    ("active", "connections_active", "Established connections to the real server."),
    ("inactive", "connections_inactive", "Connections to the real server that are opening or closing."),
    ("persistent", "connections_persistent", "Clients bound to the real server by persistence."),
)


class _Shape:
    """The labels of all services and servers as text."""

    def __init__(self, key: list[object], services: Sequence[Service]) -> None:
        self.key = key
        of_services = [
            (it.address, str(it.port), it.mark, it.proto, it.scheduler, str(it.persistent).lower()) for it in services
        ]
        of_servers = [
            (it.address, str(it.port), it.mark, address, port, it.proto, forward)
            for it in services
            for (address, port), forward in zip(it.columns.endpoints, it.columns.forward, strict=True)
        ]
        self.services = Rows(_SERVICE, [labels[:4] for labels in of_services])
        self.servers = Rows(_SERVER, [labels[:6] for labels in of_servers])
        text = "A virtual service, its scheduler and whether it is persistent; the value is always 1."
        self.service_info = _info("service", text, (*_SERVICE, "scheduler", "persistent"), of_services)
        text = "A real server and how packets get there (Masq, Route, Tunnel, Local, Bypass); the value is always 1."
        self.server_info = _info("backend", text, (*_SERVER, "forward"), of_servers)


def _info(what: str, text: str, names: tuple[str, ...], labels: Sequence[tuple[str, ...]]) -> Lines:
    name = f"ipvs_{what}_info"
    return Lines(name, "gauge", text, Rows(names, labels).lines(name, [b"1"] * len(labels)))


class _Memory:
    """What is kept for the next scrape: a reader for each procfs, and the last shape."""

    def __init__(self) -> None:
        self.tables: dict[str, Tables] = {}
        self.histories: dict[str, History] = {}
        self.shape = _Shape([], [])

    def shape_of(self, services: Sequence[Service]) -> _Shape:
        """Return the shape of a table, the last one if it is the same."""
        key: list[object] = [(_IDENTITY(it), it.columns.endpoints, it.columns.forward) for it in services]
        if self.shape.key != key:
            self.shape = _Shape(key, services)
        return self.shape


_IDENTITY = attrgetter("proto", "address", "port", "mark", "scheduler", "persistent")
_MEMORY = _Memory()


def read(settings: Settings) -> Ipvs:
    """Ask the kernel by netlink, or read /proc/net/ip_vs."""
    tables = _MEMORY.tables.setdefault(settings.proc, Tables(settings.proc))
    try:
        table = tables.read(settings.timeout * 0.9)  # its error says more than the frame's
    except IpvsMissingError as error:
        raise AbsentError(error) from None
    _MEMORY.histories.setdefault(settings.proc, History()).take(monotonic(), table)
    return table


def past(settings: Settings) -> Past:
    """Return what is known of the last hour."""
    return _MEMORY.histories[settings.proc].past if settings.proc in _MEMORY.histories else Past()


def series(facts: Ipvs) -> Iterator[Metric]:
    """Yield the totals, the services and their real servers."""
    text = "Source of the table: netlink, or proc, which has only the totals as counters; the value is always 1."
    yield sample("ipvs_source_info", "gauge", text, 1, source=facts.source)
    for name in COUNTERS:
        yield sample(f"ipvs_{name}_total", "counter", f"{_title(name)} balanced by IPVS.", getattr(facts.totals, name))
    services = facts.services
    shape = _MEMORY.shape_of(services)
    yield shape.service_info
    for index, name in enumerate(COUNTERS if facts.source == "netlink" else ()):
        text = f"{_title(name)} of the virtual service since it was added."
        numbers = [it.counters[index] for it in services]
        yield _lines(shape.services, f"ipvs_service_{name}_total", "counter", text, numbers)
    yield shape.server_info
    for column, name, text in _OF_SERVERS:
        values = list(chain.from_iterable(getattr(it.columns, column) for it in services))
        yield _lines(shape.servers, f"ipvs_backend_{name}", "gauge", text, values)
    for index, name in enumerate(COUNTERS if facts.source == "netlink" else ()):
        text = f"{_title(name)} of the real server since it was added."
        values = list(chain.from_iterable(it.columns.counters[index] for it in services))
        yield _lines(shape.servers, f"ipvs_backend_{name}_total", "counter", text, values)


def _lines(rows: Rows, name: str, kind: Kind, text: str, values: Sequence[bytes | int]) -> Lines:
    column = [value for value in values if isinstance(value, bytes)]
    if not column:  # numbers, by netlink
        column = list(map(b"%d".__mod__, values))
    return Lines(name, kind, text, rows.lines(name, column) if column else b"")


def _title(name: str) -> str:
    return name.replace("_", " ").capitalize()


SOURCE = Source("ipvs", read, series, up="ipvs_up", remembers=True, title="IPVS", place=50)
