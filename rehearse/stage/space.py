"""How is something done in another network namespace?"""

from __future__ import annotations

import ctypes
import os
import subprocess
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable

_NEWNET = 0x40000000
_LIBC = ctypes.CDLL(None, use_errno=True)
_END = 60  # seconds after which what hangs is given up


def enter(name: str) -> None:
    """Take this thread to a network namespace of /run/netns: what it opens there stays there; raises OSError."""
    with Path(f"/run/netns/{name}").open("rb") as space:
        if _LIBC.setns(space.fileno(), _NEWNET):
            number = ctypes.get_errno()
            raise OSError(number, os.strerror(number))


def configure(name: str, lines: Iterable[str]) -> None:
    """Run commands of ip(8) there; raises CalledProcessError."""
    run_in(name, "ip", "-batch", "-", text="".join(f"{it}\n" for it in lines))


def run_in(name: str, *command: str, text: str = "") -> None:
    """Run a command there; raises CalledProcessError."""
    whole = ["nsenter", f"--net=/run/netns/{name}", *command]
    null = subprocess.DEVNULL
    subprocess.run(whole, input=text.encode(), check=True, timeout=_END, stdout=null, stderr=subprocess.PIPE)
