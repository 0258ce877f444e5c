"""What did a start change, and what was there before? A file in the runtime folder, until the next boot.

One for each network namespace, with lines ``vip ADDRESS NAME...`` for a VIP that a start put on lo, ``there ADDRESS
NAME...`` for one that lo already had, with the names of the lists or addresses that started it, and ``arp KEY BEFORE
OURS`` for settings.
"""

from __future__ import annotations

import contextlib
import fcntl
import ipaddress
import os
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from vipwarden.state import files, paths

if TYPE_CHECKING:
    from collections.abc import Iterator

    from keepalived_scripts.realserver.vip import Vip


SETTINGS = ("arp_ignore", "arp_announce")
_MOST = 1 << 20  # bytes


class RecordError(ValueError):
    """The record exists but cannot be read."""


@dataclass(slots=True)
class Entry:
    """The origin of a VIP on lo: put there by a start or not, and the names of the lists or addresses."""

    ours: bool
    names: set[str]


class Record:
    """The started VIPs, and for each changed setting the value before and ours."""

    def __init__(self, path: str) -> None:
        """Read it; raises OSError and RecordError."""
        self.path = path
        self.vips: dict[Vip, Entry] = {}
        self.settings: dict[str, tuple[int, int]] = {}
        try:
            lines = files.read(path, _MOST).decode("utf-8", "surrogateescape").split("\n")
        except FileNotFoundError:
            return
        try:
            for kind, name, *values in (line.split() for line in lines if line):
                if kind in ("vip", "there"):
                    self.vips[ipaddress.ip_address(name)] = Entry(kind == "vip", set(values))
                elif kind == "arp" and name in SETTINGS:
                    before, ours = map(int, values)
                    self.settings[name] = before, ours
                else:
                    raise ValueError(kind)
        except ValueError:
            raise RecordError(f"{path} is broken: the state before the start is unknown; remove it") from None

    def of(self, name: str) -> list[Vip]:
        """Return the VIPs that a list or address started."""
        return [vip for vip, entry in self.vips.items() if name in entry.names]

    def add(self, vip: Vip, name: str, *, held: bool) -> None:
        """Record that ``name`` started a VIP; one that lo already ``held`` is ours only if it was before."""
        entry = self.vips.setdefault(vip, Entry(not held, set()))
        entry.ours = entry.ours or not held
        entry.names.add(name)

    def write(self) -> None:
        """Replace the file; an empty record has none; raises OSError."""
        lines = [
            " ".join(("vip" if entry.ours else "there", str(vip), *sorted(entry.names)))
            for vip, entry in sorted(self.vips.items(), key=str)
        ]
        lines += [f"arp {key} {before} {ours}" for key, (before, ours) in self.settings.items()]
        if not lines:
            Path(self.path).unlink(missing_ok=True)
            return
        data = "".join(f"{line}\n" for line in lines).encode("utf-8", "surrogateescape")
        files.write(self.path, data, durable=True)


@contextlib.contextmanager
def locked() -> Iterator[Record]:
    """Lock the record of this network namespace, so that units do not start at the same time; raises OSError."""
    place = paths.realserver()
    files.ready(place)
    space = os.stat("/proc/self/ns/net").st_ino  # noqa: PTH116 - a link that leads to no path
    with open(files.lock(f"{place}/.{space}.lock"), "rb") as lock:  # noqa: PTH123 - a descriptor
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield Record(f"{place}/{space}")
