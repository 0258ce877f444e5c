"""Which addresses does the kernel hold, and on which interface?

Asked by rtnetlink (RTM_GETADDR, linux/if_addr.h), which needs no privilege and tells what /proc cannot.
"""

from __future__ import annotations

import _socket

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator

_NLMSG_ERROR, _NLMSG_DONE, _RTM_NEWADDR, _RTM_GETADDR = 2, 3, 20, 22
_NLM_F_REQUEST, _NLM_F_DUMP_INTR, _NLM_F_DUMP = 0x1, 0x10, 0x300
_IFA_ADDRESS, _IFA_LOCAL = 1, 2
_IFA_F_DADFAILED = 0x08
_LENGTH = {_socket.AF_INET: 4, _socket.AF_INET6: 16}


class AddressesError(Exception):
    """The kernel did not tell."""


class Own:
    """An address that this node holds on an interface."""

    __slots__ = ("address", "interface", "prefix")

    def __init__(self, interface: str, address: str, prefix: int) -> None:
        self.interface = interface
        self.address = address
        self.prefix = prefix

    def __repr__(self) -> str:
        return f"Own({self.interface} {self.address}/{self.prefix})"


def own_addresses() -> list[Own]:
    """Return every IPv4 and IPv6 address of this network namespace; raises AddressesError.

    An IPv6 address that another node was found to hold (duplicate address detection failed) is left out: the
    kernel does not use it.
    """
    try:
        for _ in range(5):
            whole, found = _dump()
            if whole:
                break
        else:
            raise AddressesError("the addresses of this node change too fast to be read")
    except OSError as error:
        raise AddressesError(f"cannot read the addresses of this node: {error.args[-1]}") from None
    own = []
    for index, address, prefix in found:
        try:
            own.append(Own(_socket.if_indextoname(index), address, prefix))
        except OSError:  # gone in the meantime, and its addresses with it
            continue
    return own


def _dump() -> tuple[bool, list[tuple[int, str, int]]]:
    """Ask once; False where the table changed while it was read."""
    found: list[tuple[int, str, int]] = []
    whole = True
    header = [(24, 4), (_RTM_GETADDR, 2), (_NLM_F_REQUEST | _NLM_F_DUMP, 2), (1, 4), (0, 4), (0, 8)]
    sock = _socket.socket(_socket.AF_NETLINK, _socket.SOCK_RAW | _socket.SOCK_CLOEXEC, 0)
    try:
        sock.settimeout(2)
        sock.send(b"".join(value.to_bytes(size, "little") for value, size in header))
        while True:
            for kind, flags, body in messages(sock.recv(1 << 18)):
                whole = whole and not flags & _NLM_F_DUMP_INTR
                if kind == _NLMSG_DONE:
                    return whole, found
                if kind == _NLMSG_ERROR:
                    raise OSError(f"error {-_number(body[:4], signed=True)}")
                if kind == _RTM_NEWADDR and (one := address_of(body)) is not None:
                    found.append(one)
    finally:
        sock.close()


def messages(data: bytes) -> Iterator[tuple[int, int, bytes]]:
    """Split what came from a netlink socket into type, flags and body; what is cut off at the end is left out."""
    while len(data) >= 16:
        size = _number(data[:4])
        if not 16 <= size <= len(data):
            return
        yield _number(data[4:6]), _number(data[6:8]), data[16:size]
        data = data[(size + 3) & ~3 :]


def address_of(body: bytes) -> tuple[int, str, int] | None:
    """Return interface index, address and prefix length from an ifaddrmsg; None where it has no usable address."""
    if len(body) < 8 or body[0] not in _LENGTH or body[2] & _IFA_F_DADFAILED:
        return None
    found: dict[int, bytes] = {}
    rest = body[8:]
    while len(rest) >= 4:
        size = _number(rest[:2])
        if not 4 <= size <= len(rest):
            break
        found[_number(rest[2:4])] = rest[4:size]
        rest = rest[(size + 3) & ~3 :]
    raw = found.get(_IFA_LOCAL) or found.get(_IFA_ADDRESS) or b""  # with a peer, IFA_ADDRESS is the peer's
    if len(raw) != _LENGTH[body[0]]:
        return None
    return _number(body[4:8]), _socket.inet_ntop(body[0], raw), body[1]


def _number(raw: bytes, *, signed: bool = False) -> int:
    return int.from_bytes(raw, "little", signed=signed)
