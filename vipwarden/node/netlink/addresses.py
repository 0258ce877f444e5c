"""Which addresses has this node, on which interfaces? By rtnetlink (RTM_GETADDR), which needs no privilege."""

from __future__ import annotations

import _socket
import sys

from vipwarden.node.netlink.socket import DUMP, ROUTE, Netlink, TornError, attributes

_RTM_GETADDR = 22
ADDED, REMOVED = CHANGES = (20, 21)  # RTM_NEWADDR, RTM_DELADDR: what the kernel tells those who listen
_IFA_ADDRESS, _IFA_LOCAL = 1, 2
_IFA_F_DADFAILED = 0x08
_LENGTH = {_socket.AF_INET: 4, _socket.AF_INET6: 16}
_SECONDS = 2
_TRIES = 5


class AddressesError(Exception):
    """The kernel gave no answer."""


class Own:
    """An address of this node on an interface."""

    __slots__ = ("address", "interface", "prefix")

    def __init__(self, interface: str, address: str, prefix: int) -> None:
        self.interface = interface
        self.address = address
        self.prefix = prefix

    def __repr__(self) -> str:
        return f"Own({self.interface} {self.address}/{self.prefix})"


def own_addresses(timeout: float = _SECONDS) -> list[Own]:
    """Return every IPv4 and IPv6 address of this network namespace; raises AddressesError.

    IPv6 addresses whose duplicate address detection failed are left out: the kernel does not use them. It may take
    ``timeout`` seconds: all namespaces wait for one lock (rtnl), which one that ends may hold for seconds.
    """
    try:
        with Netlink(ROUTE, timeout) as netlink:
            bodies = _dump(netlink)
    except TornError:
        raise AddressesError("the addresses of this node change too fast to be read") from None
    except OSError as error:
        raise AddressesError(f"cannot read the addresses of this node: {error.args[-1]}") from None
    own = []
    names: dict[int, str] = {}
    for index, address, prefix in filter(None, map(address_of, bodies)):
        try:
            name = names.get(index) or _socket.if_indextoname(index)
        except OSError:  # gone meanwhile
            continue
        names[index] = name
        own.append(Own(name, address, prefix))
    return own


def listed(text: str) -> list[Own]:
    """Return the addresses in lines such as ``2: eth0    inet 192.0.2.1/24 brd ...``: what ``ip -o address`` prints."""
    own = []
    for line in text.splitlines():
        words = line.split()
        if len(words) > 3 and words[2] in ("inet", "inet6"):
            address, _, prefix = words[3].partition("/")
            own.append(Own(words[1].partition("@")[0], address, int(prefix) if prefix.isdigit() else 0))
    return own


def _dump(netlink: Netlink, tries: int = _TRIES) -> list[bytes]:
    try:
        return netlink.ask(_RTM_GETADDR, DUMP, bytes(8))
    except TornError:
        if tries == 1:
            raise
        return _dump(netlink, tries - 1)


def address_of(body: bytes) -> tuple[int, str, int] | None:
    """Return interface index, address and prefix length of an ifaddrmsg; None without a usable address."""
    text = changed_address(body)
    if text is None or body[2] & _IFA_F_DADFAILED:
        return None
    return int.from_bytes(body[4:8], sys.byteorder), text, body[1]


def changed_address(body: bytes) -> str | None:
    """Return the address of an ifaddrmsg, usable or not; None without one."""
    if len(body) < 8 or body[0] not in _LENGTH:
        return None
    fields = attributes(body, 8)
    raw = fields.get(_IFA_LOCAL) or fields.get(_IFA_ADDRESS) or b""  # with a peer, IFA_ADDRESS is the peer's
    return _socket.inet_ntop(body[0], raw) if len(raw) == _LENGTH[body[0]] else None
