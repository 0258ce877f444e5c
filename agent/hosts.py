"""What does /etc/hosts say? Read once for each time that it changes, however many names there are."""

from __future__ import annotations

import os
from time import monotonic
from typing import TYPE_CHECKING

from vipwarden.core.values import is_address
from vipwarden.net.net import numeric

if TYPE_CHECKING:
    from vipwarden.net.net import Address

TTL = 5.0  # seconds until the file is looked at again
_MOST_BYTES = 16 << 20


class Hosts:
    """The file by ``path``, which is looked at no more often than every TTL."""

    def __init__(self, path: str = "/etc/hosts") -> None:
        self.path = path
        self._names: dict[str, list[Address]] = {}
        self._seen: object = None
        self._looked = float("-inf")

    def of(self, host: str) -> list[Address]:
        """Return the addresses of a name, none where it is not listed."""
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
    found: dict[str, list[Address]] = {}
    for line in text.splitlines():
        words = line.partition("#")[0].lower().split()
        try:
            known = numeric(words[0], 0) if len(words) > 1 and is_address(words[0]) else []
        except (OSError, ValueError):
            continue
        for name in words[1:]:
            listed = found.setdefault(name, [])
            listed += [one for one in known if all(one.host != other.host for other in listed)]
    return found
