"""Is an address one of this node's, and by which interface is another reached? By rtnetlink, without any privilege."""

from __future__ import annotations

import _socket
import sys

from vipwarden.node.netlink.socket import ACK, ROUTE, Netlink, attribute, attributes

_RTM_GETROUTE = 26
_RTA_DST, _RTA_OIF = 1, 4
_RTN_LOCAL = 2
_SECONDS = 1


class Route:
    """Where packets to an address go: to this node itself, or out by an interface."""

    __slots__ = ("interface", "is_local")

    def __init__(self, interface: str, *, is_local: bool) -> None:
        self.interface = interface
        self.is_local = is_local


def route_to(address: str) -> Route:
    """Return the route of an IPv4 or IPv6 address; raises OSError, also where there is none."""
    family = _socket.AF_INET6 if ":" in address else _socket.AF_INET
    raw = _socket.inet_pton(family, address)
    head = bytes((family, 8 * len(raw), 0, 0, 0, 0, 0, 0, 0, 0, 0, 0))  # rtmsg
    with Netlink(ROUTE, _SECONDS) as netlink:
        body = netlink.ask(_RTM_GETROUTE, ACK, head + attribute(_RTA_DST, raw))[0]
    index = int.from_bytes(attributes(body, 12).get(_RTA_OIF, b""), sys.byteorder)
    try:
        name = _socket.if_indextoname(index) if index else ""
    except OSError:  # gone meanwhile
        name = ""
    return Route(name, is_local=body[7] == _RTN_LOCAL)
