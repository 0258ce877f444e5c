"""How is the kernel asked by netlink? One request at a time; a dump that changed meanwhile is an error."""

from __future__ import annotations

import _socket
import posix
from struct import Struct
from time import monotonic

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator

ROUTE, SOCK_DIAG, GENERIC = 0, 4, 16  # protocols, linux/netlink.h
REQUEST, ACK, DUMP = 0x1, 0x4, 0x300
_DUMP_INTR = 0x10
_ERROR, _DONE = 2, 3
_HEADER = Struct("=IHHII")  # nlmsghdr: length, type, flags, sequence number, port
_ATTRIBUTE = Struct("=HH")
_NUMBER = Struct("=i")
KIND = 0x3FFF  # without NLA_F_NESTED and NLA_F_NET_BYTEORDER
_MOST_AT_ONCE = 1 << 18  # the kernel makes the messages of a dump at most 32 KiB long
_MOST_BYTES = 256 << 20


class TornError(OSError):
    """The data changed during the dump (NLM_F_DUMP_INTR)."""


class Netlink:
    """A socket to the kernel of this network namespace; close it, or use it in a with statement."""

    __slots__ = ("_sequence", "_socket", "_until")

    def __init__(self, protocol: int, timeout: float) -> None:
        """Open it for at most ``timeout`` seconds altogether; raises OSError."""
        self._until = monotonic() + timeout
        self._sequence = 0
        kind = _socket.SOCK_RAW | _socket.SOCK_CLOEXEC
        self._socket = _socket.socket(_socket.AF_NETLINK, kind, protocol)

    def __enter__(self) -> Netlink:
        return self

    def __exit__(self, *_: object) -> None:
        self._socket.close()

    def ask(self, kind: int, flags: int, payload: bytes) -> list[bytes]:
        """Return the bodies of the answer to a request: in a dump, a body for each entry.

        Raises OSError with the kernel's error number, TimeoutError and TornError among it.
        """
        self._sequence += 1
        header = _HEADER.pack(_HEADER.size + len(payload), kind, REQUEST | flags, self._sequence, 0)
        self._socket.settimeout(self._remaining())
        self._socket.send(header + payload)
        bodies: list[bytes] = []
        torn = False
        size = 0
        while True:
            self._socket.settimeout(self._remaining())
            data, sender = self._socket.recvfrom(_MOST_AT_ONCE)
            if sender[0] != 0:  # not from the kernel
                continue
            size += len(data)
            if size > _MOST_BYTES:
                raise OSError(90, "the kernel's answer has no end")  # EMSGSIZE
            for answer, bits, sequence, body in messages(data):
                if sequence != self._sequence:
                    continue
                torn = torn or bool(bits & _DUMP_INTR)
                if answer in (_ERROR, _DONE):
                    number = -_NUMBER.unpack_from(body)[0] if len(body) >= _NUMBER.size else 0
                    if number:
                        raise OSError(number, posix.strerror(number))
                    if torn:
                        raise TornError(4, "it changed while it was read")  # EINTR
                    return bodies
                bodies.append(body)

    def _remaining(self) -> float:
        left = self._until - monotonic()
        if left <= 0:
            raise TimeoutError(110, "the kernel does not answer in time")
        return left


def messages(data: bytes) -> Iterator[tuple[int, int, int, bytes]]:
    """Split data of a netlink socket into type, flags, sequence number and body; a cut-off end is left out."""
    at = 0
    while at + _HEADER.size <= len(data):
        size, kind, flags, sequence, _ = _HEADER.unpack_from(data, at)
        if not _HEADER.size <= size <= len(data) - at:
            return
        yield kind, flags, sequence, data[at + _HEADER.size : at + size]
        at += (size + 3) & ~3


def attributes(data: bytes, at: int = 0) -> dict[int, bytes]:
    """Return the attributes from an offset on by type; a cut-off end is left out."""
    values: dict[int, bytes] = {}
    while at + 4 <= len(data):
        size, kind = _ATTRIBUTE.unpack_from(data, at)
        if not 4 <= size <= len(data) - at:
            break
        values[kind & KIND] = data[at + 4 : at + size]
        at += (size + 3) & ~3
    return values


def attribute(kind: int, value: bytes) -> bytes:
    """Return an attribute for a request."""
    return _ATTRIBUTE.pack(4 + len(value), kind) + value + bytes(-len(value) % 4)
