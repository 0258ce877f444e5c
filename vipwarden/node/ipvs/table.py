"""What is in the kernel's IPVS table? As columns for metrics, as objects for the page."""

from __future__ import annotations

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

FORWARDS = ("Masq", "Local", "Tunnel", "Route", "Bypass")  # IP_VS_CONN_F_FWD_MASK, linux/ip_vs.h
COUNTERS = ("connections", "incoming_packets", "outgoing_packets", "incoming_bytes", "outgoing_bytes")


class IpvsError(Exception):
    """The table cannot be read."""


class IpvsMissingError(IpvsError):
    """This kernel has no IPVS."""


class IpvsTornError(IpvsError):
    """The table changed while it was read; the next read may succeed."""


class Server:
    """A real server: ``forward`` is one of FORWARDS; connections are those open now.

    ``persistent`` counts connection templates, ``counters`` are those of COUNTERS since it was added. Both come by
    netlink only; else they are None and empty.
    """

    __slots__ = ("active", "address", "counters", "forward", "inactive", "persistent", "port", "weight")

    def __init__(
        self,
        address: str,
        port: int,
        forward: str,
        weight: int,
        active: int,
        inactive: int,
        persistent: int | None = None,
        counters: Sequence[int] = (),
    ) -> None:
        self.address = address
        self.port = port
        self.forward = forward
        self.weight = weight
        self.active = active
        self.inactive = inactive
        self.persistent = persistent
        self.counters = counters


class Columns:
    """The real servers of a service, column by column: numbers as decimal text or as int.

    ``endpoints`` are address and port as text: the same list again while the servers stay the same, so that what was
    made of it can be kept. ``persistent`` and ``counters`` are empty where they are not known.
    """

    __slots__ = ("active", "counters", "endpoints", "forward", "inactive", "persistent", "weight")

    def __init__(
        self,
        endpoints: list[tuple[str, str]],
        forward: Sequence[str],
        weight: Sequence[bytes | int],
        active: Sequence[bytes | int],
        inactive: Sequence[bytes | int],
        persistent: Sequence[int] = (),
        counters: Sequence[Sequence[int]] = (),
    ) -> None:
        self.endpoints = endpoints
        self.forward = forward
        self.weight = weight
        self.active = active
        self.inactive = inactive
        self.persistent = persistent
        self.counters = counters

    def servers(self) -> list[Server]:
        """Return them as objects."""
        addresses, ports = zip(*self.endpoints, strict=True) if self.endpoints else ((), ())
        persistent: Sequence[int | None] = self.persistent or [None] * len(addresses)
        counters = list(zip(*self.counters, strict=True)) or [()] * len(addresses)
        numbers = [map(int, column) for column in (self.weight, self.active, self.inactive)]
        return list(map(Server, addresses, map(int, ports), self.forward, *numbers, persistent, counters))

    def joined(self, other: Columns) -> Columns:
        """Return the servers of both."""
        return Columns(
            [*self.endpoints, *other.endpoints],
            [*self.forward, *other.forward],
            [*self.weight, *other.weight],
            [*self.active, *other.active],
            [*self.inactive, *other.inactive],
            [*self.persistent, *other.persistent],
            [[*own, *more] for own, more in zip(self.counters, other.counters, strict=True)],
        )


class Service:
    """A virtual service, by address and port or, where ``proto`` is FWM, by firewall mark (8 hexadecimal digits).

    The services of one mark for IPv4 and IPv6 are one, with the servers of both: /proc cannot tell them apart.
    ``counters`` are as those of a Server.
    """

    __slots__ = ("address", "columns", "counters", "mark", "persistent", "port", "proto", "scheduler")

    def __init__(
        self,
        proto: str,
        address: str,
        port: int,
        mark: str,
        scheduler: str,
        persistent: bool,
        columns: Columns,
        counters: Sequence[int] = (),
    ) -> None:
        self.proto = proto
        self.address = address
        self.port = port
        self.mark = mark
        self.scheduler = scheduler
        self.persistent = persistent
        self.columns = columns
        self.counters = counters

    @property
    def servers(self) -> list[Server]:
        """Its real servers, made anew at each call."""
        return self.columns.servers()


def whole(services: Iterable[Service]) -> list[Service]:
    """Return the services with each mark once; raises IpvsTornError where another service or a server comes twice."""
    known: dict[tuple[str, str, int, str], Service] = {}
    for service in services:
        first = known.setdefault((service.proto, service.address, service.port, service.mark), service)
        if first is service:
            continue
        if not service.mark:
            raise IpvsTornError(f"the service {service.proto} {service.address}:{service.port} came twice")
        first.columns = first.columns.joined(service.columns)
        first.counters = [own + more for own, more in zip(first.counters, service.counters, strict=True)]
    for service in known.values():
        if len(set(service.columns.endpoints)) != len(service.columns.endpoints):
            raise IpvsTornError("a real server came twice")
    return list(known.values())
