"""What did we change, and what was there before? A file in the runtime folder, gone with the boot like the changes.

One for each network namespace, as lines: ``vip ADDRESS``, and ``arp KEY BEFORE OURS`` for a setting of conf/all.
"""

from __future__ import annotations

import contextlib
import fcntl
import ipaddress
import os
from pathlib import Path
from typing import TYPE_CHECKING

from checks.core.verdict import folder, ready
from keepalived_scripts.realserver.arp import WANTED

if TYPE_CHECKING:
    from collections.abc import Iterator

    from keepalived_scripts.realserver.vip import Vip


class RecordError(ValueError):
    """The record is there but cannot be understood."""


class Record:
    """The VIPs that are ours, and of each setting the value ``before`` and the one that we wrote."""

    def __init__(self, path: Path) -> None:
        """Read it; raises OSError and RecordError."""
        self.path = path
        self.vips: set[Vip] = set()
        self.settings: dict[str, tuple[int, int]] = {}
        try:
            lines = path.read_text(encoding="ascii", errors="replace").split("\n")
        except FileNotFoundError:
            return
        try:
            for kind, name, *values in (line.split() for line in lines if line):
                if kind == "vip":
                    self.vips.add(ipaddress.ip_address(name))
                elif kind == "arp" and name in WANTED:
                    before, ours = map(int, values)
                    self.settings[name] = before, ours
                else:
                    raise ValueError(kind)
        except ValueError:
            raise RecordError(f"{path} is broken: what was there before the start is not known; remove it") from None

    def write(self) -> None:
        """Write it aside and rename it; without anything to remember there is no file; raises OSError."""
        lines = [f"vip {vip}" for vip in sorted(self.vips, key=str)]
        lines += [f"arp {key} {before} {ours}" for key, (before, ours) in self.settings.items()]
        if not lines:
            self.path.unlink(missing_ok=True)
            return
        aside = self.path.with_name(f".{self.path.name}.{os.getpid()}")
        with aside.open("w", encoding="ascii") as file:
            file.write("".join(f"{line}\n" for line in lines))
            file.flush()
            os.fsync(file.fileno())
        aside.replace(self.path)


@contextlib.contextmanager
def locked() -> Iterator[Record]:
    """Hold the record of this network namespace, so that units that start at once follow each other; raises OSError."""
    place = folder().rpartition("/")[0] + "/realserver"
    ready(place)
    space = os.stat("/proc/self/ns/net").st_ino  # noqa: PTH116 - a link that leads to no path
    with Path(place, f".{space}.lock").open("w", encoding="ascii") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield Record(Path(place, str(space)))
