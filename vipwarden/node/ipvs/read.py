"""Which services does the kernel balance (IPVS), and to which real servers?

By generic netlink where this process may ask it, else by /proc: what is told alike is the same from both.
"""

from __future__ import annotations

from time import monotonic

from vipwarden.node.ipvs.netlink import Dump, NetlinkClosedError
from vipwarden.node.ipvs.proc import Reader, Totals, must_be_there, parse_totals, read
from vipwarden.node.ipvs.table import COUNTERS, IpvsError, IpvsMissingError, IpvsTornError, Server, Service

__all__ = [
    "COUNTERS",
    "IpvsError",
    "IpvsMissingError",
    "IpvsTornError",
    "Server",
    "Service",
    "Table",
    "Tables",
    "Totals",
    "parse_services",
    "parse_totals",
    "services",
    "totals",
]

_TRIES = 4


class Table:
    """The whole of it at one time; ``source`` is netlink or proc, and ``why`` tells why it is not netlink."""

    __slots__ = ("services", "source", "totals", "why")

    def __init__(self, services: list[Service], totals: Totals, source: str, why: str = "") -> None:
        self.services = services
        self.totals = totals
        self.source = source
        self.why = why


class Tables:
    """Reads the table again and again, and remembers what the addresses of its servers are as text."""

    def __init__(self, proc: str = "/proc") -> None:
        """Take another folder than /proc for the whole truth: then the kernel is not asked by netlink."""
        self._proc = proc
        self._reader = Reader()
        self._dump = Dump()

    def read(self, timeout: float) -> Table:
        """Return the table within ``timeout`` seconds; raises IpvsError, or IpvsMissingError without IPVS.

        A table that changed while it was read is read again, four times in all.
        """
        until = monotonic() + timeout
        must_be_there(f"{self._proc}/net/ip_vs")  # to ask for the family by netlink could load the module
        try:
            sums = totals(self._proc)
        except IpvsMissingError as error:
            raise IpvsError(f"half of the table is missing: {error}") from None
        why = f"{self._proc} stands in for the kernel"
        for left in reversed(range(_TRIES)):
            try:
                if self._proc == "/proc":
                    try:
                        return Table(self._dump.services(until - monotonic()), sums, "netlink")
                    except NetlinkClosedError as error:
                        why = str(error)
                return Table(self._reader.services(read(f"{self._proc}/net/ip_vs")), sums, "proc", why)
            except IpvsTornError as error:
                if not left or monotonic() > until:
                    raise IpvsError(f"the IPVS table changes faster than it can be read: {error}") from None
        raise AssertionError("unreachable")


def services(proc: str = "/proc") -> list[Service]:
    """Return the services by /proc in the order of the kernel's table; raises IpvsError, or IpvsMissingError."""
    return parse_services(read(f"{proc}/net/ip_vs"))


def totals(proc: str = "/proc") -> Totals:
    """Return the totals; raises IpvsError, or IpvsMissingError without IPVS."""
    return parse_totals(read(f"{proc}/net/ip_vs_stats"))


def parse_services(text: bytes) -> list[Service]:
    """Return the services in the text of /proc/net/ip_vs; raises IpvsError."""
    return Reader().services(text)
