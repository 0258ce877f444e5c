"""Do the replies of a real server behind NAT go back through the director? Where its default routes lead.

The main table by rtnetlink (RTM_GETROUTE), without any privilege; rules of policy routing are not looked at.
"""

from __future__ import annotations

import socket
import sys
from typing import TYPE_CHECKING, NamedTuple

from keepalived_scripts.realserver.status import PARTLY, RUNNING, STOPPED
from vipwarden.node.netlink.socket import DUMP, ROUTE, Netlink, attributes

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

_RTM_GETROUTE = 26
_OIF, _GATEWAY, _PRIORITY, _MULTIPATH = 4, 5, 6, 9
_MAIN, _UNICAST = 254, 1
_HEAD, _HOP = 12, 8  # struct rtmsg, struct rtnexthop
_SECONDS = 5


class Gateway(NamedTuple):
    """Where a default route leads: of several, those of the lowest metric are used."""

    metric: int
    address: str
    interface: str


def report(director: str) -> tuple[int, list[str]]:
    """Return the exit code and the lines to print; raises OSError."""
    routes = gateways(socket.AF_INET6 if ":" in director else socket.AF_INET)
    if not routes:
        return STOPPED, ["there is no default route: replies to clients of other networks are lost"]
    used = [gateway for gateway in routes if gateway.metric == routes[0].metric]
    lines = [f"{_kind(gateway in used, len(used))} leads to {_told(gateway)}" for gateway in routes]
    others = [gateway for gateway in used if gateway.address != director]
    if len(others) == len(used):
        return STOPPED, [*lines, f"replies do not go through {director}: clients drop what another address sends"]
    if others:
        return PARTLY, [*lines, f"only a part of the replies goes through {director}"]
    return RUNNING, lines


def _kind(is_used: bool, count: int) -> str:
    return "an unused default route" if not is_used else "the default route" if count == 1 else "a default route"


def _told(gateway: Gateway) -> str:
    return f"{gateway.address or 'no gateway'} by {gateway.interface} (metric {gateway.metric})"


def gateways(family: int) -> list[Gateway]:
    """Return where the default routes of the main table lead, those in use first; raises OSError."""
    with Netlink(ROUTE, _SECONDS) as netlink:
        bodies = netlink.ask(_RTM_GETROUTE, DUMP, bytes((family, *bytes(_HEAD - 1))))
    routes = (body for body in bodies if not body[1] and body[4] == _MAIN and body[7] == _UNICAST)
    return sorted(gateway for body in routes for gateway in _of(attributes(body, _HEAD), family))


def _of(fields: Mapping[int, bytes], family: int) -> Iterator[Gateway]:
    metric = _number(fields.get(_PRIORITY, b""))
    hops = fields.get(_MULTIPATH, b"")
    if not hops:
        yield Gateway(metric, _address(fields, family), _name(_number(fields.get(_OIF, b""))))
    while len(hops) >= _HOP:
        size = max(_HOP, _number(hops[:2]))
        yield Gateway(metric, _address(attributes(hops[:size], _HOP), family), _name(_number(hops[4:8])))
        hops = hops[size:]


def _address(fields: Mapping[int, bytes], family: int) -> str:
    raw = fields.get(_GATEWAY, b"")
    return socket.inet_ntop(family, raw) if raw else ""


def _name(index: int) -> str:
    try:
        return socket.if_indextoname(index)
    except OSError:  # gone meanwhile
        return f"interface {index}"


def _number(raw: bytes) -> int:
    return int.from_bytes(raw, sys.byteorder)
