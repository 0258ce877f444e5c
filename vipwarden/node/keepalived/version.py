"""Which version of keepalived is installed, by ``keepalived --version``?"""

from __future__ import annotations

import re
import subprocess
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable

PLACES = ("/usr/sbin", "/usr/local/sbin", "/usr/local/keepalived/sbin", "/sbin", "/opt/keepalived/sbin")
_MOST_SECONDS = 5


class Version(tuple[int, int, int]):
    """A version of keepalived such as 2.2.7; a missing third number is 0."""

    __slots__ = ()

    def __new__(cls, text: str) -> Version:
        """Build it from its text; raises ValueError with the expected form."""
        match = re.fullmatch(r"v?(\d{1,4})\.(\d{1,4})(?:\.(\d{1,4}))?", str(text), re.ASCII)
        if match is None:
            raise ValueError("a version of keepalived is written as 2.2.7")
        return tuple.__new__(cls, (int(number or 0) for number in match.groups()))

    def __str__(self) -> str:
        return ".".join(map(str, self))


def programs() -> list[str]:
    """Return the paths of the installed keepalived programs, the package's first."""
    return [path for path in (f"{folder}/keepalived" for folder in PLACES) if Path(path).is_file()]


def installed() -> Version | None:
    """Return the version of the installed keepalived, None where none answers within 5 s."""
    return said_by(programs(), "--version", rb"Keepalived v(\d+\.\d+\.\d+)")


def said_by(paths: Iterable[str], argument: str, pattern: bytes) -> Version | None:
    """Return the version that the first of some programs says by ``pattern``, None where none answers within 5 s."""
    for program in paths:
        try:
            done = subprocess.run(  # noqa: S603 - at a fixed place
                [program, argument],
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                stderr=subprocess.STDOUT,
                timeout=_MOST_SECONDS,
                check=False,
            )
        except (OSError, subprocess.TimeoutExpired):
            continue
        match = re.search(pattern, done.stdout[:4096])
        if match is not None:
            return Version(match[1].decode())
    return None
