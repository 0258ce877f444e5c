"""What did we change, and what was there before? A file in the runtime folder, gone with the boot like the changes.

One for each network namespace, as lines: ``vip ADDRESS NAME...`` for what we put on lo, ``there ADDRESS NAME...`` for
what was on it already, each with the words that it was started by, and ``arp KEY BEFORE OURS`` for settings.
"""

from __future__ import annotations

import contextlib
import fcntl
import ipaddress
import os
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from keepalived_scripts.realserver.arp import WANTED
from vipwarden.state import files, paths

if TYPE_CHECKING:
    from collections.abc import Iterator

    from keepalived_scripts.realserver.vip import Vip


_MOST = 1 << 20  # bytes


class RecordError(ValueError):
    """The record is there but cannot be understood."""


@dataclass(slots=True)
class Entry:
    """How a VIP came to be on lo: put there by us or not, and by which words it was started."""

    ours: bool
    names: set[str]


class Record:
    """The VIPs that were started, and of each setting the value ``before`` and the one that we wrote."""

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
                elif kind == "arp" and name in WANTED:
                    before, ours = map(int, values)
                    self.settings[name] = before, ours
                else:
                    raise ValueError(kind)
        except ValueError:
            raise RecordError(f"{path} is broken: what was there before the start is not known; remove it") from None

    def of(self, name: str) -> list[Vip]:
        """Return the VIPs that were started by a word."""
        return [vip for vip, entry in self.vips.items() if name in entry.names]

    def add(self, vip: Vip, name: str, *, held: bool) -> None:
        """Remember that a VIP is started by a word; ``held`` by lo already, it is ours only where it was before."""
        entry = self.vips.setdefault(vip, Entry(not held, set()))
        entry.ours = entry.ours or not held
        entry.names.add(name)

    def write(self) -> None:
        """Write it aside and rename it; without anything to remember there is no file; raises OSError."""
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
    """Hold the record of this network namespace, so that units that start at once follow each other; raises OSError."""
    place = paths.realserver()
    files.ready(place)
    space = os.stat("/proc/self/ns/net").st_ino  # noqa: PTH116 - a link that leads to no path
    with open(files.lock(f"{place}/.{space}.lock"), "rb") as lock:  # noqa: PTH123 - a descriptor
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield Record(f"{place}/{space}")
