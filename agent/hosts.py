"""What does /etc/hosts say? The file is read once after each change, for all names."""

from __future__ import annotations

import os
from time import monotonic
from typing import TYPE_CHECKING

from vipwarden.core.values import is_address
from vipwarden.net.address import numeric

if TYPE_CHECKING:
    from vipwarden.net.address import Address

TTL = 5.0  # seconds between two looks for a change of the file
_MOST_BYTES = 16 << 20


class Hosts:
    """The file ``path``, which is looked at once in its TTL."""

    def __init__(self, path: str = "/etc/hosts") -> None:
        self.path = path
        self._names: dict[str, list[Address]] = {}
        self._seen: object = None
        self._looked = float("-inf")

    def of(self, host: str) -> list[Address]:
        """Return the addresses of a name, none where the name is not listed."""
        now = monotonic()
        if now - self._looked >= TTL:
            self._looked = now
            self._look()
        return self._names.get(host.rstrip(".").lower(), [])

    def _look(self) -> None:
        try:
            with open(self.path, "rb") as file:  # noqa: PTH123 - looked at again and again
                stat = os.fstat(file.fileno())
                seen = (stat.st_dev, stat.st_ino, stat.st_size, stat.st_mtime_ns, stat.st_ctime_ns)
                if seen != self._seen:
                    self._names = _parse(file.read(_MOST_BYTES).decode("utf-8", "replace"))
                    self._seen = seen
        except OSError:
            self._names, self._seen = {}, None


def _parse(text: str) -> dict[str, list[Address]]:
    """Read lines of an address and its names; as libc does, skip those whose first word is no address."""
    names: dict[str, list[Address]] = {}
    for line in text.splitlines():
        words = line.partition("#")[0].lower().split()
        try:
            addresses = numeric(words[0], 0) if len(words) > 1 and is_address(words[0]) else []
        except (OSError, ValueError):
            continue
        for name in words[1:]:
            listed = names.setdefault(name, [])
            listed += [new for new in addresses if all(new.host != address.host for address in listed)]
    return names
