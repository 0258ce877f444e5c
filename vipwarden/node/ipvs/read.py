"""Which services does the kernel balance (IPVS), and to which real servers?

By generic netlink where this process may ask, else by /proc; what both tell is the same.
"""

from __future__ import annotations

from time import monotonic

from vipwarden.node.ipvs.netlink import Dump, NetlinkClosedError
from vipwarden.node.ipvs.proc import Reader, Totals, must_exist, parse_totals, read
from vipwarden.node.ipvs.table import COUNTERS, IpvsError, IpvsMissingError, IpvsTornError, Server, Service

__all__ = ["COUNTERS", "IpvsMissingError", "Server", "Service", "Table", "Tables", "Totals", "parse_totals"]

_TRIES = 4


class Table:
    """The whole table at one time; ``source`` is netlink or proc, ``why`` the reason where it is not netlink."""

    __slots__ = ("services", "source", "totals", "why")

    def __init__(self, services: list[Service], totals: Totals, source: str, why: str = "") -> None:
        self.services = services
        self.totals = totals
        self.source = source
        self.why = why


class Tables:
    """Reads the table again and again, and keeps the text of addresses that stay.

    With another folder than /proc the kernel is not asked by netlink.
    """

    def __init__(self, proc: str = "/proc") -> None:
        self._proc = proc
        self._reader = Reader()
        self._dump = Dump()

    def read(self, timeout: float) -> Table:
        """Return the table within ``timeout`` seconds; raises IpvsError, or IpvsMissingError without IPVS.

        A table that changed while it was read is read again, four times in all.
        """
        until = monotonic() + timeout
        must_exist(f"{self._proc}/net/ip_vs")  # to ask for the family by netlink could load the module
        try:
            totals = parse_totals(read(f"{self._proc}/net/ip_vs_stats"))
        except IpvsMissingError as error:
            raise IpvsError(f"half of the table is missing: {error}") from None
        why = f"{self._proc} stands in for the kernel"
        for left in reversed(range(_TRIES)):
            try:
                if self._proc == "/proc":
                    try:
                        return Table(self._dump.services(until - monotonic()), totals, "netlink")
                    except NetlinkClosedError as error:
                        why = str(error)
                return Table(self._reader.services(read(f"{self._proc}/net/ip_vs")), totals, "proc", why)
            except IpvsTornError as error:
                if not left or monotonic() > until:
                    raise IpvsError(f"the IPVS table changes faster than it can be read: {error}") from None
        raise AssertionError("unreachable")
