"""Which VIPs does the command line name? Addresses, and files with addresses."""

from __future__ import annotations

import ipaddress
from pathlib import Path
from typing import TYPE_CHECKING, TypeAlias

if TYPE_CHECKING:
    from collections.abc import Sequence

Vip: TypeAlias = ipaddress.IPv4Address | ipaddress.IPv6Address
FOLDER = "/etc/vipwarden/realserver"
_MOST = 65536


class VipError(ValueError):
    """The text is neither an address nor the name of a file with addresses."""


def is_name(text: str) -> bool:
    """Return whether an argument is the name of a list, not an address."""
    return not (":" in text or "/" in text or text[:1].isdigit())


def vips(given: Sequence[str], folder: str) -> list[Vip]:
    """Return the addresses, each once; a name is that of a file in ``folder``; raises VipError."""
    return list(dict.fromkeys(vip for text in given for vip in listed(text, folder)))


def listed(text: str, folder: str) -> list[Vip]:
    """Return the addresses of one argument; raises VipError."""
    return _from(text, folder) if is_name(text) else [_vip(text, "")]


def _from(name: str, folder: str) -> list[Vip]:
    path = Path(folder, name)
    if name.startswith(".") or name.split() != [name]:
        raise VipError(f"{name!r} is neither an address nor a name")
    try:
        with path.open(encoding="utf-8") as file:
            lines = file.read(_MOST).split("\n")
    except (OSError, ValueError) as error:
        raise VipError(f"{name!r} is no address, and {path} cannot be read: {error}") from None
    texts = [(number, line.partition("#")[0].strip()) for number, line in enumerate(lines, 1)]
    addresses = [_vip(text, f"{path}:{number}: ") for number, text in texts if text]
    if not addresses:
        raise VipError(f"{path} holds no address")
    return addresses


def _vip(text: str, where: str) -> Vip:
    address, slash, prefix = text.partition("/")
    try:
        vip = ipaddress.ip_address(address)
    except ValueError:
        raise VipError(f"{where}{text!r} is no address") from None
    if slash and prefix != str(vip.max_prefixlen):
        raise VipError(f"{where}{text}: a VIP on lo has the prefix /{vip.max_prefixlen}, or its whole network is local")
    if vip.is_loopback or vip.is_multicast or vip.is_unspecified or vip.is_link_local:
        raise VipError(f"{where}{text} can be no VIP")
    return vip
