"""To whom does this node hold TCP connections, and how many of its ports? By sock_diag, which needs no privilege."""

from __future__ import annotations

import _socket
from struct import Struct

from vipwarden.core.values import endpoint
from vipwarden.node.netlink.socket import DUMP, SOCK_DIAG, Netlink, attribute

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable

_BY_FAMILY = 20  # SOCK_DIAG_BY_FAMILY
_FILTER = 1  # INET_DIAG_REQ_BYTECODE
_LEAST, _MOST, _FROM, _TO = 2, 3, 7, 8  # INET_DIAG_BC_S_GE, _S_LE, _S_COND, _D_COND
_REQUEST = Struct("=BBBxI48x")  # inet_diag_req_v2: family, protocol, extensions, states
_OPERATION = Struct("=BBH")  # inet_diag_bc_op: code, bytes to go on by if it holds, and if not
_CONDITION = Struct("=BBxxi")  # inet_diag_hostcond: family, length of the prefix, port; then the address
_SIZE = 72  # of an inet_diag_msg
_EXPIRES = Struct("=I")
_TIME_WAIT = 6
_WAIT = 60_000  # TCP_TIMEWAIT_LEN in milliseconds
# all that a client has: no listener, and nothing that is only coming in
_STATES = sum(1 << state for state in (1, 2, 4, 5, _TIME_WAIT, 8, 9, 11))
_MAPPED = bytes(10) + b"\xff\xff"  # an IPv4 address inside of an IPv6 one


class Destination:
    """Connections from one address of this node to one port of another.

    ``held`` is the number of local ports in use, ``waiting`` how many of them have been in TIME_WAIT for the delay.
    """

    __slots__ = ("held", "host", "port", "source", "waiting")

    def __init__(self, source: str, host: str, port: int, held: int, waiting: int) -> None:
        self.source = source
        self.host = host
        self.port = port
        self.held = held
        self.waiting = waiting

    @property
    def name(self) -> str:
        """The other end as people write it."""
        return endpoint(self.host, self.port)


def destinations(
    low: int, high: int, host: str | None, port: int | None, source: str | None, delay: int, timeout: float
) -> list[Destination]:
    """Return what the local ports from ``low`` to ``high`` are used for; the kernel leaves out what is not asked for.

    ``host`` and ``source`` are addresses, ``delay`` is in milliseconds. A connection of an IPv6 socket to a mapped
    IPv4 address counts for that. Raises OSError, ENOENT where the kernel lacks tcp_diag.
    """
    conditions = [_port(_LEAST, low), _port(_MOST, high)]
    conditions += [_end(_TO, host, port)] if host or port else []
    conditions += [_end(_FROM, source, None)] if source else []
    wanted = attribute(_FILTER, _all(conditions))
    held: dict[bytes, int] = {}
    waiting: dict[bytes, int] = {}
    with Netlink(SOCK_DIAG, timeout) as netlink:
        for family in (_socket.AF_INET, _socket.AF_INET6):
            head = _REQUEST.pack(family, _socket.IPPROTO_TCP, 0, _STATES)
            _count(netlink.ask(_BY_FAMILY, DUMP, head + wanted), _WAIT - delay, held, waiting)
    return [_destination(key, number, waiting.get(key, 0)) for key, number in held.items()]


def _count(bodies: Iterable[bytes], left: int, held: dict[bytes, int], waiting: dict[bytes, int]) -> None:
    """Count messages by port and both addresses; those in TIME_WAIT with at most ``left`` milliseconds apart."""
    for body in bodies:
        if len(body) < _SIZE:
            continue
        if body[0] == _socket.AF_INET6 and body[24:36] != _MAPPED:
            key = body[6:40]
        elif body[0] == _socket.AF_INET6:
            key = body[6:8] + body[20:24] + body[36:40]
        else:
            key = body[6:12] + body[24:28]
        held[key] = held.get(key, 0) + 1
        if body[1] == _TIME_WAIT and _EXPIRES.unpack_from(body, 52)[0] <= left:
            waiting[key] = waiting.get(key, 0) + 1


def _destination(key: bytes, held: int, waiting: int) -> Destination:
    family, size = (_socket.AF_INET, 4) if len(key) == 10 else (_socket.AF_INET6, 16)
    source, host = (_socket.inet_ntop(family, key[at : at + size]) for at in (2, 2 + size))
    return Destination(source, host, int.from_bytes(key[:2], "big"), held, waiting)


def _port(code: int, port: int) -> tuple[int, bytes]:
    return code, _OPERATION.pack(0, 0, port)


def _end(code: int, address: str | None, port: int | None) -> tuple[int, bytes]:
    family = 0 if address is None else _socket.AF_INET6 if ":" in address else _socket.AF_INET
    raw = b"" if address is None else _socket.inet_pton(family, address.partition("%")[0])
    return code, _CONDITION.pack(family, 8 * len(raw), -1 if port is None else port) + raw


def _all(conditions: list[tuple[int, bytes]]) -> bytes:
    """Return the bytecode that wants all of them: a jump behind its end means no."""
    code = b""
    for kind, data in reversed(conditions):
        size = _OPERATION.size + len(data)
        code = _OPERATION.pack(kind, size, size + len(code) + 4) + data + code
    return code
