"""Which IPVS services are our paths? A service of a firewall mark with one real server, signed so that none is lost.

The kernel's table is the only record: what a path that was killed left is found in it, and what others made is never
taken for ours. The signature is the time-out of persistence of a service that is not persistent, which means nothing
to IPVS; the weight of the one real server is the number of the program that owns the path.
Numbers of linux/ip_vs.h; ip_vs_genl_parse_service() and ip_vs_genl_parse_dest() say what a request must have.
"""

from __future__ import annotations

import sys
from _socket import AF_INET, AF_INET6, inet_ntop, inet_pton

from vipwarden.node.netlink.socket import attribute, attributes

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable

USUAL = range(8192, 12288)  # marks without the bits of Kubernetes, Tailscale and Calico
_SERVICE, _DEST = 1, 2
_AF, _FWMARK, _SCHEDULER, _FLAGS, _TIMEOUT, _NETMASK = 1, 5, 6, 7, 8, 9
_ADDRESS, _PORT, _METHOD, _WEIGHT, _UPPER, _LOWER, _ADDR_FAMILY = 1, 2, 3, 4, 5, 6, 11
_SIGNATURES = (0x7669, 0x7661)  # seconds: of a path for one run, and of one that lasts
_PERSISTENT, _ONE_PACKET = 0x1, 0x4  # with the latter the kernel does not remember the ports of datagrams
KINDS = {"tun": 2, "dr": 3}  # IP_VS_CONN_F_TUNNEL, IP_VS_CONN_F_DROUTE
_NAMES = {method: kind for kind, method in KINDS.items()}
_FORWARD = 0x7


class Server:
    """The one real server of a path: how it is reached, its address, and the number of the path's owner."""

    __slots__ = ("kind", "owner", "real")

    def __init__(self, kind: str, real: str, owner: int) -> None:
        self.kind = kind
        self.real = real
        self.owner = owner

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Server) and all(getattr(self, name) == getattr(other, name) for name in self.__slots__)

    __hash__ = None  # type: ignore[assignment]


def family_of(address: str) -> int:
    """Return AF_INET or AF_INET6."""
    return AF_INET6 if ":" in address else AF_INET


def names(family: int, mark: int) -> bytes:
    """Return what names a service in a request."""
    return attribute(_SERVICE, _names(family, mark))


def service(family: int, mark: int, *, lasts: bool) -> bytes:
    """Return a whole service of ours for a request."""
    netmask = b"\xff" * 4 if family == AF_INET else _number(128)
    rest = (
        (_SCHEDULER, b"rr\0"),
        (_FLAGS, _number(_ONE_PACKET) + b"\xff" * 4),
        (_TIMEOUT, _number(_SIGNATURES[lasts])),
    )
    return attribute(
        _SERVICE, _names(family, mark) + b"".join(attribute(*field) for field in (*rest, (_NETMASK, netmask)))
    )


def server(wanted: Server) -> bytes:
    """Return a real server for a request; ports stay as they are, which 0 says."""
    family = family_of(wanted.real)
    fields = (
        (_ADDRESS, inet_pton(family, wanted.real).ljust(16, b"\0")),
        (_PORT, bytes(2)),
        (_METHOD, _number(KINDS[wanted.kind])),
        (_WEIGHT, _number(wanted.owner)),
        (_UPPER, _number(0)),
        (_LOWER, _number(0)),
        (_ADDR_FAMILY, _number(family, 2)),
    )
    return attribute(_DEST, b"".join(attribute(*field) for field in fields))


def ours(bodies: Iterable[bytes]) -> dict[tuple[int, int], bool]:
    """Return family and mark of each service of ours in an answer of the kernel, and whether it lasts."""
    found = {}
    for body in bodies:
        fields = attributes(attributes(body, 4).get(_SERVICE, b""))
        mark = _value(fields.get(_FWMARK, b""))
        timeout = _value(fields.get(_TIMEOUT, b""))
        if mark and timeout in _SIGNATURES and not _value(fields.get(_FLAGS, b"")[:4]) & _PERSISTENT:
            found[_value(fields.get(_AF, b"")), mark] = timeout == _SIGNATURES[1]
    return found


def servers(bodies: Iterable[bytes], family: int) -> list[Server]:
    """Return the real servers in a dump of one service, without those whose address is not understood."""
    found = []
    for body in bodies:
        fields = attributes(attributes(body, 4).get(_DEST, b""))
        kind = _NAMES.get(_value(fields.get(_METHOD, b"")) & _FORWARD, "")
        try:
            real = inet_ntop(family, fields.get(_ADDRESS, b"")[: 4 if family == AF_INET else 16])
        except (OSError, ValueError):
            continue
        found.append(Server(kind, real, _value(fields.get(_WEIGHT, b""))))
    return found


def _names(family: int, mark: int) -> bytes:
    return attribute(_AF, _number(family, 2)) + attribute(_FWMARK, _number(mark))


def _number(value: int, size: int = 4) -> bytes:
    return value.to_bytes(size, sys.byteorder)


def _value(raw: bytes) -> int:
    return int.from_bytes(raw, sys.byteorder)


SIGNS = tuple(attribute(_TIMEOUT, _number(signature)) for signature in _SIGNATURES)  # one is in each service of ours
