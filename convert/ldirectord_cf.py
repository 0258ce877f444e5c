"""What says a ldirectord.cf, setting by setting? As ldirectord(8) describes it."""

from __future__ import annotations

import socket
from ipaddress import IPv4Address, ip_address
from typing import NamedTuple

from convert.wanted import LeftError

_MOST_SERVERS = 4096  # of one range
_LOST = ("callback", "emailalert", "maintenancedir", "monitorfile", "passwd", "secret")
SPECIAL = frozenset('\\"$!#{}~@')


class Line(NamedTuple):
    """A setting with its number in the file."""

    key: str
    value: str
    number: int


class Service:
    """A virtual service with its settings: its own first, then those of the whole file."""

    def __init__(self, place: str, value: str, around: dict[str, str]) -> None:
        self.place = place
        self.value = value
        self.own: dict[str, str] = {}
        self.around = around
        self.reals: list[Line] = []

    def get(self, key: str, default: str = "") -> str:
        """Return a setting without quotes; raises LeftError for characters that keepalived would interpret."""
        text = self.own.get(key, self.own.get(f"{key}6", self.around.get(key, default))).strip().strip('"')
        if key not in ("request", "receive") and not is_plain(text):
            raise LeftError(f"{key} has characters that mean something else to keepalived: {text}")
        return text

    def number(self, key: str, default: int) -> int:
        """Return a number; raises LeftError."""
        text = self.get(key, str(default))
        if not text.isascii() or not text.isdigit() or len(text) > 5:
            raise LeftError(f"{key} {text} is no number")
        return int(text)


def services(path: str, text: str, notes: list[tuple[str, str]]) -> list[Service]:
    """Return the virtual services of a file; adds to the ``notes`` what is no setting or is not taken over."""
    around: dict[str, str] = {}
    found: list[Service] = []
    for number, raw in enumerate(text.splitlines(), 1):
        line = raw.partition("#")[0].rstrip()  # in quotes as well, as there
        key, equals, value = (part.strip() for part in line.partition("="))
        if not equals:
            if line.strip():
                notes.append((f"{path}:{number}", f"{line.strip()!r} is no setting"))
            continue
        if key in _LOST:
            notes.append((f"{path}:{number}", f"{key} is not taken over"))
        is_inside = line[:1] in (" ", "\t")
        if key in ("virtual", "virtual6"):
            found.append(Service(f"{path}:{number}", value, around))
        elif is_inside and found and key in ("real", "real6"):
            found[-1].reals.append(Line(key, value, number))
        else:
            (found[-1].own if is_inside and found else around)[key] = value
    return found


def place_of(text: str, port: int = 0) -> tuple[str, int]:
    """Return address and port; raises LeftError."""
    if text.startswith("["):
        host, _, rest = text[1:].partition("]")
        service = rest.removeprefix(":")
    else:
        host, _, service = text.partition(":")
    if not is_address(host):
        raise LeftError(f"{host} is no address, which keepalived wants")
    return host, port_of(service) if service else port


def port_of(text: str) -> int:
    """Return a port by its number or name; raises LeftError."""
    if text.isascii() and text.isdigit() and len(text) < 6:
        return int(text)
    try:
        return socket.getservbyname(text)
    except OSError:
        raise LeftError(f"{text} is no port, and not in /etc/services") from None


def is_address(text: str) -> bool:
    """Return whether it is an IPv4 or IPv6 address."""
    try:
        return bool(ip_address(text))
    except ValueError:
        return False


def range_of(first: str, last: str) -> list[str]:
    """Return the IPv4 addresses of a range; raises LeftError."""
    try:
        low, high = int(IPv4Address(first)), int(IPv4Address(last))
    except ValueError:
        raise LeftError(f"{first}->{last} is no range of addresses") from None
    if not 0 <= high - low < _MOST_SERVERS:
        raise LeftError(f"{first}->{last} runs backwards, or is too long")
    return [str(IPv4Address(number)) for number in range(low, high + 1)]


def is_plain(text: str) -> bool:
    """Return whether keepalived takes a text as it is."""
    return text.isprintable() and not SPECIAL.intersection(text)
