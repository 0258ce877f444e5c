"""What is a process of a node called, and does it live?"""

from __future__ import annotations

from contextlib import suppress
from typing import TYPE_CHECKING

if TYPE_CHECKING:
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
