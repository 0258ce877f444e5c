"""Which processes has a node, what are they called, and do they live?"""

from __future__ import annotations

import os
from contextlib import suppress
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Iterator
    from pathlib import Path

CUT = 15  # characters of a name that the kernel keeps


def comm(process: Path) -> str:
    """Return the name of a process by its folder in /proc, nothing where it is gone."""
    with suppress(OSError):
        return (process / "comm").read_text("utf-8", "replace").rstrip("\n")
    return ""


def is_alive(process: Path) -> bool:
    """Return whether a process is neither stopped nor a zombie nor gone."""
    with suppress(OSError, IndexError):
        return (process / "stat").read_text("utf-8", "replace").rpartition(")")[2].split()[0] not in "ZTtX"
    return False


class Process(NamedTuple):
    """A process: its parent, when it began, and name and command line where somebody looks for them."""

    parent: int
    begun: str
    comm: str
    line: bytes

    @property
    def is_wanted(self) -> bool:
        """Whether somebody looks for it."""
        return bool(self.comm or self.line)

    def same(self, other: Process) -> bool:
        """Return whether it is the same process by the same name, whoever is its parent now."""
        return self[1:] == other[1:]


def processes(
    proc: str, comms: Collection[str], paths: Collection[bytes], pids: Iterable[int] | None = None
) -> Iterator[tuple[int, Process]]:
    """Yield some processes of a /proc, or all, as far as they run or are stopped.

    ``comms`` are the names, and ``paths`` the first words of the command lines, that somebody looks for.
    """
    for pid in [int(it) for it in os.listdir(proc) if it.isdigit()] if pids is None else [*pids]:  # noqa: PTH208 - looked at often
        with suppress(OSError, IndexError, ValueError):
            head, _, tail = _read(f"{proc}/{pid}/stat").decode("utf-8", "replace").rpartition(")")
            state, parent, *rest = tail.split()
            if state in "ZX":
                continue
            name = head.partition("(")[2]
            line = _read(f"{proc}/{pid}/cmdline") if paths else b""
            line = line if line.partition(b"\0")[0] in paths else b""
            yield pid, Process(int(parent), rest[17], name if name in comms else "", line)


def _read(path: str) -> bytes:
    descriptor = os.open(path, os.O_RDONLY)
    try:
        return os.read(descriptor, 4096)
    finally:
        os.close(descriptor)
