"""Which virtual services and real servers did the kernel gain, lose or weigh anew, whoever changed them?

The kernel has no notification of it: its family IPVS of generic netlink has no multicast group. So /proc/net/ip_vs is
read again and again, which needs no right and shows the network namespace of the reader.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from vipwarden.core.values import endpoint
from vipwarden.node.ipvs.marked import USUAL
from vipwarden.node.ipvs.proc import Reader, read
from vipwarden.node.ipvs.table import IpvsError, IpvsMissingError

if TYPE_CHECKING:
    from collections.abc import Iterable

    from vipwarden.events.process import Tell
    from vipwarden.node.ipvs.table import Service

_PATH = "/proc/net/ip_vs"
_ADDED, _REMOVED = "added", "removed"


class Ipvs:
    """Compares the table with that of the last look."""

    least, most = 15.0, 30.0

    def __init__(self, path: str = _PATH) -> None:
        self._path = path
        self._text = b""  # of the last look: on a node without traffic nothing of it changes
        self._reader = Reader()
        self._known: dict[str, dict[str, int]] | None = None  # weights by service and real server
        self._trouble = ""

    @property
    def is_there(self) -> bool:
        """Whether the kernel has the table."""
        return bool(self._text)

    def descriptors(self) -> Iterable[int]:
        """Return none: no descriptor tells of changes."""
        return ()

    def look(self, tell: Tell) -> None:
        """Tell what has changed; raises nothing. What was there at the first look is no news."""
        try:
            text = self._read()
            if text == self._text and self._known is not None and not self._trouble:
                return
            self._text = text
            now = self._table(text)
        except IpvsError as error:
            if str(error) != self._trouble:
                self._trouble = str(error)
                tell("source", "ipvs", state="failed", text=self._trouble)
            return
        if self._trouble:
            self._trouble = ""
            tell("source", "ipvs", state="read", before="failed")
        before, self._known = self._known, now
        if before is None or before == now:
            return
        for service, servers in before.items():
            if service not in now:
                tell("ipvs", service, of="service", state=_REMOVED, text=f"it had {_number(servers)}")
        for service, servers in now.items():
            if service not in before:
                tell("ipvs", service, of="service", state=_ADDED, text=f"it has {_number(servers)}")
            elif before[service] != servers:
                _compare(service, before[service], servers, tell)

    def _read(self) -> bytes:
        """Return the text of the table, empty where the kernel has none; raises IpvsError."""
        try:
            return read(self._path)
        except IpvsMissingError:
            return b""

    def _table(self, text: bytes) -> dict[str, dict[str, int]]:
        """Return the weights in the text of the table; raises IpvsError."""
        services = self._reader.services(text) if text else []
        return {
            _name(service): {
                endpoint(*place): int(weight)
                for place, weight in zip(service.columns.endpoints, service.columns.weight, strict=True)
            }
            for service in services
            if not _is_path(service)
        }


def _compare(service: str, before: dict[str, int], now: dict[str, int], tell: Tell) -> None:
    for server, weight in before.items():
        if server not in now:
            tell("ipvs", server, of=service, state=_REMOVED, before=f"weight {weight}")
    for server, weight in now.items():
        if server not in before:
            tell("ipvs", server, of=service, state=_ADDED, text=f"weight {weight}")
        elif before[server] != weight:
            tell("ipvs", server, of=service, state=f"weight {weight}", before=f"weight {before[server]}")


def _is_path(service: Service) -> bool:
    """Return whether it looks like the path of a check by IPVS: no client uses those, and they come and go."""
    is_usual = bool(service.mark) and int(service.mark, 16) in USUAL
    return is_usual and service.scheduler == "rr" and len(service.columns.endpoints) <= 1


def _name(service: Service) -> str:
    if service.mark:
        return f"FWM {int(service.mark, 16)}"
    return f"{service.proto} {endpoint(service.address, service.port)}"


def _number(servers: dict[str, int]) -> str:
    return "1 real server" if len(servers) == 1 else f"{len(servers)} real servers"
