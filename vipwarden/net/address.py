"""What is an address of a host, and which addresses has it?"""

from __future__ import annotations

import _socket

from vipwarden.core.values import endpoint
from vipwarden.net.stream import NetError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from vipwarden.net.path import Path


class Address:
    """One address of a host: a numeric IPv4 or IPv6 address, or the path of a unix socket.

    With a ``path`` it is a VIP, and connections to it arrive at the real server of the path.
    """

    __slots__ = ("family", "host", "path", "rest")

    def __init__(self, family: int, host: str, rest: tuple[int, ...] = (), path: Path | None = None) -> None:
        self.family = family
        self.host = host
        self.rest = rest  # flow label and scope of an IPv6 address
        self.path = path

    def at(self, port: int) -> str | tuple[str | int, ...]:
        """Return what connect() takes."""
        return self.host if self.family == _socket.AF_UNIX else (self.host, port, *self.rest)

    def name(self, port: int) -> str:
        """Return the address as people write it, with the port."""
        if self.family == _socket.AF_UNIX:
            return self.host
        name = endpoint(self.host, port)
        return name if self.path is None else f"{name} at {self.path.real}"


def numeric(host: str, family: int) -> list[Address]:
    """Return the Address of a text that is_address() accepts; raises OSError where it is of the other family."""
    return addresses(host.encode("ascii" if host.isascii() else "idna"), family, _socket.AI_NUMERICHOST)


def addresses(host: bytes, family: int, flags: int = 0) -> list[Address]:
    """Resolve by getaddrinfo(), which may block unless ``flags`` keep it from asking servers; raises OSError."""
    unique: dict[tuple[object, ...], Address] = {}
    for entry in _socket.getaddrinfo(host, 0, family, _socket.SOCK_STREAM, 0, flags):
        where = entry[4]
        unique.setdefault(where, Address(entry[0], str(where[0]), tuple(int(part) for part in where[2:])))
    return list(unique.values())


def bind(sock: _socket.socket, family: int, source: str) -> None:
    """Bind a socket to a local address; raises NetError."""
    try:
        sock.bind((source, 0))
    except OSError as error:
        kind = "unreachable" if (":" in source) is (family == _socket.AF_INET) else "local"
        raise NetError(kind, f"cannot use the source address {source}: {error.strerror or error.args[-1]}") from None
