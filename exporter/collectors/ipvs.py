"""What does the kernel balance, and to whom?

The labels are those of node_exporter, under a prefix of our own: the same names twice on a host would double sums.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from checks.node.ipvs import IpvsMissingError, services, totals
from exporter.exposition import Family
from exporter.frame import AbsentError, Collector

if TYPE_CHECKING:
    from collections.abc import Iterator

    from checks.node.ipvs import Service, Totals
    from exporter.settings import Settings

_SERVICE = ("local_address", "local_port", "local_mark", "proto")
_SERVER = ("local_address", "local_port", "local_mark", "remote_address", "remote_port", "proto")


@dataclass(frozen=True, slots=True)
class Ipvs:
    """The kernel's table."""

    services: list[Service]
    totals: Totals


def read(settings: Settings) -> Ipvs:
    """Read /proc/net/ip_vs and ip_vs_stats."""
    try:
        return Ipvs(services(settings.proc), totals(settings.proc))
    except IpvsMissingError as error:
        raise AbsentError(error) from None


def families(facts: Ipvs) -> Iterator[Family]:
    """Yield the totals, the services and their real servers."""
    for name, value in (
        ("connections", facts.totals.connections),
        ("incoming_packets", facts.totals.incoming_packets),
        ("outgoing_packets", facts.totals.outgoing_packets),
        ("incoming_bytes", facts.totals.incoming_bytes),
        ("outgoing_bytes", facts.totals.outgoing_bytes),
    ):
        total = Family(f"ipvs_{name}_total", "counter", f"Number of {name.replace('_', ' ')} that IPVS has balanced.")
        total.add(value)
        yield total
    info = Family(
        "ipvs_service_info",
        "gauge",
        "A virtual service, its scheduler and whether it is persistent; the value is always 1.",
        (*_SERVICE, "scheduler", "persistent"),
    )
    weight = Family("ipvs_backend_weight", "gauge", "Weight of the real server.", _SERVER)
    active = Family("ipvs_backend_connections_active", "gauge", "Established connections.", _SERVER)
    inactive = Family("ipvs_backend_connections_inactive", "gauge", "Connections that are not established.", _SERVER)
    for service in facts.services:
        local = (service.address, str(service.port), service.mark)
        info.add(1, *local, service.proto, service.scheduler, str(service.persistent).lower())
        for server in service.servers:
            labels = (*local, server.address, str(server.port), service.proto)
            weight.add(server.weight, *labels)
            active.add(server.active, *labels)
            inactive.add(server.inactive, *labels)
    yield from (info, weight, active, inactive)


COLLECTOR = Collector("ipvs", read, families, up="ipvs_up")
