"""On which address does a server listen, and which clients may ask it?"""

from __future__ import annotations

from _socket import AF_INET, AF_INET6, inet_pton

from vipwarden.core.values import endpoint

_MAPPED = b"\0" * 10 + b"\xff\xff"  # an IPv4 address as a socket of both families has it, RFC 4291 2.5.5.2


class Listen(str):
    """An address to listen on: ``127.0.0.1:9877``, ``[::1]:9877``, ``name:9877``, or ``:9877`` for every address."""

    __slots__ = ("host", "port")
    host: str
    port: int

    def __new__(cls, text: str) -> Listen:
        """Build it from its text; raises ValueError with the expected form."""
        host, colon, port = text.strip().rpartition(":")
        if host.startswith("[") and host.endswith("]"):
            host = host[1:-1]
        elif ":" in host:
            raise ValueError(f"{text!r}: an IPv6 address stands in brackets, such as [::1]:9877")
        if not colon or not port.isascii() or not port.isdigit() or int(port) > 65535:
            raise ValueError(f"{text!r} is no address to listen on, such as 127.0.0.1:9877, [::1]:9877 or :9877")
        made = str.__new__(cls, endpoint(host, int(port)))
        made.host, made.port = host, int(port)
        return made


class Network(str):
    """The addresses of clients: one address, or a network such as ``192.0.2.0/24`` or ``2001:db8::/32``."""

    __slots__ = ("bits", "first")
    first: bytes
    bits: int

    def __new__(cls, text: str) -> Network:
        """Build it from its text; raises ValueError with what is wanted."""
        address, slash, length = text.strip().partition("/")
        first = packed(address)
        if first is None:
            raise ValueError("an address or a network is wanted, such as 192.0.2.5, 192.0.2.0/24 or 2001:db8::/32")
        most = len(first) * 8
        if slash and (not length.isascii() or not length.isdigit() or int(length) > most):
            raise ValueError(f"behind the slash a number from 0 to {most} is wanted")
        made = str.__new__(cls, text.strip())
        made.first, made.bits = first, int(length) if slash else most
        if _bits(first, most) & ((1 << (most - made.bits)) - 1):
            raise ValueError(f"{address} is no network of {made.bits} bits: the bits behind these must be 0")
        return made

    def holds(self, address: bytes) -> bool:
        """Return whether a packed address is one of these."""
        return len(address) == len(self.first) and _bits(address, self.bits) == _bits(self.first, self.bits)


def packed(host: str) -> bytes | None:
    """Return an address in its bytes, IPv4 also where it is mapped into IPv6; None for what is no address."""
    try:
        raw = inet_pton(AF_INET6 if ":" in host else AF_INET, host.partition("%")[0])
    except (OSError, ValueError):
        return None
    return raw[12:] if len(raw) == 16 and raw.startswith(_MAPPED) else raw


def _bits(address: bytes, count: int) -> int:
    return int.from_bytes(address, "big") >> (len(address) * 8 - count)


LOOPBACK = Network("127.0.0.0/8"), Network("::1")
