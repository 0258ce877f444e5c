"""Which services does the kernel list by generic netlink? With 64-bit counters; needs CAP_NET_ADMIN.

Numbers of linux/ip_vs.h, dumps of ip_vs_genl_ops in net/netfilter/ipvs/ip_vs_ctl.c. The kernel lays out every real
server of a dump alike: the first one tells where the fields of the others are.
"""

from __future__ import annotations

import errno
import sys
from _socket import AF_INET, inet_ntop, ntohs

from vipwarden.node.ipvs.marked import SIGNS, ours
from vipwarden.node.ipvs.table import FORWARDS, Columns, IpvsError, IpvsTornError, Service, whole
from vipwarden.node.netlink.layout import NUMBERS, Layout
from vipwarden.node.netlink.socket import ACK, DUMP, GENERIC, Netlink, TornError, attribute, attributes

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Container, Iterable, Iterator, Mapping
    from typing import Any

    _Known = dict[bytes, tuple[list[object], list[tuple[str, str]]]]  # endpoints as the kernel has them, and as text

_CTRL, _GETFAMILY, _FAMILY_ID, _FAMILY_NAME = 16, 3, 1, 2
_GET_SERVICE, _GET_DEST = 4, 8
_SERVICE, _DEST = 1, 2
_AF, _PROTOCOL, _ADDRESS, _PORT, _FWMARK, _SCHEDULER, _FLAGS = range(1, 8)
_STATS, _STATS64 = 10, 12  # of a service and of a server alike
_ADDR_FAMILY = 11
# address, port, family, method, weight, active, inactive, persistent
_DEST_FIELDS = (1, 2, _ADDR_FAMILY, 3, 4, 7, 8, 9)
_STATS_FIELDS = range(1, 6)  # those of COUNTERS; the same per second follows
_NESTED = ((_DEST,), (_DEST, _STATS), (_DEST, _STATS64))
_MAY_LACK = (_DEST, _ADDR_FAMILY)  # a kernel before 3.18 has none: that of the service
_PERSISTENT = 0x1
_FORWARD = 0x7
_PROTOCOLS = {6: "TCP", 17: "UDP", 132: "SCTP"}
_CLOSED = (errno.EPERM, errno.EACCES, errno.ENOENT, errno.EAFNOSUPPORT, errno.EPROTONOSUPPORT)


_ODD_SERVER = "the kernel tells by netlink of a real server that is not understood"


class NetlinkClosedError(IpvsError):
    """This process may not ask, or the kernel does not answer."""


class Dump:
    """Reads the table again and again, and keeps the endpoints of servers that stay."""

    __slots__ = ("_known",)

    def __init__(self) -> None:
        self._known: _Known = {}

    def services(self, timeout: float) -> list[Service]:
        """Return the services; raises IpvsError, among it NetlinkClosedError and IpvsTornError."""
        known: _Known = {}
        try:
            with Netlink(GENERIC, timeout) as netlink:
                family = family_id(netlink)
                bodies = _without_paths(netlink.ask(family, DUMP, request(_GET_SERVICE)))
                services = []
                for key, service in map(parse_service, bodies):
                    servers = netlink.ask(family, DUMP, request(_GET_DEST, attribute(_SERVICE, key)))
                    service.columns = self._columns(key, servers, known)
                    services.append(service)
                # a service that went in between has no servers: that must not look as if it had lost them
                bodies = _without_paths(netlink.ask(family, DUMP, request(_GET_SERVICE)))
                after = {parse_service(body)[0] for body in bodies}
        except TornError as error:
            raise IpvsTornError(str(error)) from None
        except OSError as error:
            reason = error.args[-1]
            if error.errno in _CLOSED:
                raise NetlinkClosedError(f"the kernel does not tell by netlink: {reason}") from None
            raise IpvsError(f"cannot read the IPVS table by netlink: {reason}") from None
        if after != known.keys():
            raise IpvsTornError("services came or went")
        self._known = known
        return whole(services)

    def _columns(self, key: bytes, bodies: list[bytes], known: _Known) -> Columns:
        rows = list(parse_servers(bodies))
        if not rows:
            known[key] = [], []
            return Columns([], [], [], [], [], [], [()] * len(_STATS_FIELDS))
        addresses, ports, families, methods, weights, active, inactive, persistent, *stats = zip(*rows, strict=True)
        raw: list[object] = [addresses, ports, families]
        before = self._known.get(key)
        try:
            if before is not None and before[0] == raw:
                endpoints = before[1]
            else:
                family = _number(attributes(key)[_AF])
                endpoints = [_endpoint(*row, family) for row in zip(addresses, ports, families, strict=True)]
            forwards = [FORWARDS[method & _FORWARD] for method in methods]
        except (IndexError, ValueError, OSError, TypeError, OverflowError):
            raise IpvsError(_ODD_SERVER) from None
        known[key] = raw, endpoints
        return Columns(endpoints, forwards, weights, active, inactive, persistent, stats)


def _without_paths(bodies: list[bytes]) -> list[bytes]:
    """Leave out the paths of our own checks: no client uses them."""
    return [body for body in bodies if not (any(sign in body for sign in SIGNS) and ours([body]))]


def request(command: int, payload: bytes = b"") -> bytes:
    """Return the payload of a request to a generic netlink family."""
    return bytes((command, 1, 0, 0)) + payload  # genlmsghdr


def family_id(netlink: Netlink) -> int:
    """Return the number of the family IPVS; raises OSError, and NetlinkClosedError."""
    answer = netlink.ask(_CTRL, ACK, request(_GETFAMILY, attribute(_FAMILY_NAME, b"IPVS\0")))
    number = attributes(answer[0], 4).get(_FAMILY_ID, b"") if answer else b""
    if len(number) != 2:
        raise NetlinkClosedError("the kernel does not tell by netlink how IPVS is asked")
    return int.from_bytes(number, sys.byteorder)


def parse_service(body: bytes) -> tuple[bytes, Service]:
    """Return what names a service in a request, and the service without its servers; raises IpvsError."""
    fields = attributes(attributes(body, 4).get(_SERVICE, b""))
    try:
        family = _number(fields[_AF])
        counters = _stats(fields)
        scheduler = fields[_SCHEDULER].rstrip(b"\0").decode("ascii", "replace")
        persistent = bool(_number(fields[_FLAGS][:4]) & _PERSISTENT)
        if _FWMARK in fields:
            names: tuple[int, ...] = (_AF, _FWMARK)
            proto, address, port, mark = "FWM", "", "0", f"{_number(fields[_FWMARK]):08X}"
        else:
            names = (_AF, _PROTOCOL, _ADDRESS, _PORT)
            number = _number(fields[_PROTOCOL])
            proto, mark = _PROTOCOLS.get(number, f"IP_{number}"), ""
            address, port = _endpoint(fields[_ADDRESS], _number(fields[_PORT]), None, family)
    except (KeyError, ValueError, OSError, TypeError, OverflowError):
        raise IpvsError("the kernel tells by netlink of a service that is not understood") from None
    key = b"".join(attribute(name, fields[name]) for name in names)
    none = Columns([], [], [], [], [])
    return key, Service(proto, address, int(port), mark, scheduler, persistent, none, counters)


def parse_servers(bodies: Iterable[bytes]) -> Iterator[tuple[Any, ...]]:
    """Yield what each real server has of _DEST_FIELDS, then its counters; raises IpvsError."""
    layout = None
    for body in bodies:
        row = layout.row(body) if layout is not None else None
        if row is None:
            layout = Layout(body, 4, _NESTED, _wanted, _MAY_LACK)
            row = layout.row(body)
            numbers = (*row[1:2], *row[3:]) if row is not None else ("",)
            if row is None or not all(isinstance(value, int) for value in numbers):
                raise IpvsError(_ODD_SERVER)
        yield row


def _wanted(known: Container[tuple[int, ...]]) -> list[tuple[int, ...]]:
    """Return the paths of the fields, in their order, for a message that has the paths that are known."""
    stats = _STATS64 if (_DEST, _STATS64, 1) in known else _STATS
    return [*((_DEST, field) for field in _DEST_FIELDS), *((_DEST, stats, field) for field in _STATS_FIELDS)]


def _stats(fields: Mapping[int, bytes]) -> list[int]:
    own = attributes(fields.get(_STATS64) or fields[_STATS])
    return [_number(own[field]) for field in _STATS_FIELDS]


def _endpoint(address: bytes, port: int, own: int | None, family: int) -> tuple[str, str]:
    """Return address and port as text; raises ValueError, OSError and TypeError where they are none."""
    size = 4 if (own or family) == AF_INET else 16
    return inet_ntop(own or family, address[:size]), str(ntohs(port))


def _number(value: bytes) -> int:
    if len(value) not in NUMBERS:
        raise ValueError("no number")
    return int.from_bytes(value, sys.byteorder)
