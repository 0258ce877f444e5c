"""What does the kernel balance, and to whom?

The labels are those of node_exporter, under a prefix of our own: the same names twice on a host would double sums.
"""

from __future__ import annotations

from itertools import chain
from typing import TYPE_CHECKING

from exporter.render.columns import Rows
from exporter.render.exposition import Family, Lines
from exporter.source import AbsentError, Source
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
    """What depends on which services and servers there are alone: their labels as text."""

    def __init__(self, key: list[object], services: Sequence[Service]) -> None:
        self.key = key
        local = [(one.address, str(one.port), one.mark) for one in services]
        of_services = [(*own, one.proto) for own, one in zip(local, services, strict=True)]
        of_servers = [
            ((*own, address, port, one.proto), forward)
            for own, one in zip(local, services, strict=True)
            for (address, port), forward in zip(one.columns.endpoints, one.columns.forward, strict=True)
        ]
        self.services = Rows(_SERVICE, of_services)
        self.servers = Rows(_SERVER, [labels for labels, _ in of_servers])
        told = [
            (*labels, one.scheduler, str(one.persistent).lower())
            for labels, one in zip(of_services, services, strict=True)
        ]
        self.service_info = Lines(
            "ipvs_service_info",
            "gauge",
            "A virtual service, its scheduler and whether it is persistent; the value is always 1.",
            Rows((*_SERVICE, "scheduler", "persistent"), told).lines("ipvs_service_info", [b"1"] * len(told)),
        )
        ways = [(*labels, forward) for labels, forward in of_servers]
        self.server_info = Lines(
            "ipvs_backend_info",
            "gauge",
            "A real server and how packets get there (Masq, Route, Tunnel, Local, Bypass); the value is always 1.",
            Rows((*_SERVER, "forward"), ways).lines("ipvs_backend_info", [b"1"] * len(ways)),
        )


class _Memory:
    """What was made for the last scrape and is good for the next: one reader a procfs, and the last shape."""

    def __init__(self) -> None:
        self.tables: dict[str, Tables] = {}
        self.shape = _Shape([], [])

    def shape_of(self, services: Sequence[Service]) -> _Shape:
        """Return the shape of the table, the last one again where it is the same."""
        key: list[object] = [
            (
                one.proto,
                one.address,
                one.port,
                one.mark,
                one.scheduler,
                one.persistent,
                one.columns.endpoints,
                one.columns.forward,
            )
            for one in services
        ]
        shape = self.shape
        if shape.key != key:
            shape = self.shape = _Shape(key, services)
        return shape


_MEMORY = _Memory()


def read(settings: Settings) -> Ipvs:
    """Ask the kernel by netlink, or read /proc/net/ip_vs."""
    tables = _MEMORY.tables.setdefault(settings.proc, Tables(settings.proc))
    try:
        return tables.read(settings.timeout * 0.9)  # so that what it says comes before what the frame would say
    except IpvsMissingError as error:
        raise AbsentError(error) from None


def series(facts: Ipvs) -> Iterator[Metric]:
    """Yield the totals, the services and their real servers."""
    source = Family(
        "ipvs_source_info",
        "gauge",
        "Source of the table: netlink, or proc, which has only the totals as counters; the value is always 1.",
        ("source",),
    )
    source.add(1, facts.source)
    yield source
    for name in COUNTERS:
        total = Family(f"ipvs_{name}_total", "counter", f"{_said(name)} balanced by IPVS.")
        total.add(getattr(facts.totals, name))
        yield total
    services = facts.services
    shape = _MEMORY.shape_of(services)
    yield shape.service_info
    for index, name in enumerate(COUNTERS if facts.source == "netlink" else ()):
        text = f"{_said(name)} of the virtual service since it was added."
        numbers = [one.counters[index] for one in services]
        yield _lines(shape.services, f"ipvs_service_{name}_total", "counter", text, numbers)
    yield shape.server_info
    for column, name, text in _OF_SERVERS:
        values = list(chain.from_iterable(getattr(one.columns, column) for one in services))
        yield _lines(shape.servers, f"ipvs_backend_{name}", "gauge", text, values)
    for index, name in enumerate(COUNTERS if facts.source == "netlink" else ()):
        text = f"{_said(name)} of the real server since it was added."
        values = list(chain.from_iterable(one.columns.counters[index] for one in services))
        yield _lines(shape.servers, f"ipvs_backend_{name}_total", "counter", text, values)


def _lines(rows: Rows, name: str, kind: Kind, text: str, values: Sequence[bytes | int]) -> Lines:
    column = [value for value in values if isinstance(value, bytes)]
    if not column:  # they came by netlink, as numbers
        column = list(map(b"%d".__mod__, values))
    return Lines(name, kind, text, rows.lines(name, column) if column else b"")


def _said(name: str) -> str:
    return name.replace("_", " ").capitalize()


SOURCE = Source("ipvs", read, series, up="ipvs_up", title="IPVS", place=50)
