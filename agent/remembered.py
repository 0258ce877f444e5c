"""Which addresses did an earlier agent know? A file with a line for each name."""

from __future__ import annotations

from typing import TYPE_CHECKING

from vipwarden.core.values import Host, is_address
from vipwarden.net.address import numeric
from vipwarden.state import files

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from vipwarden.net.address import Address

_MOST_BYTES = 16 << 20


def read(path: str) -> dict[str, list[Address]]:
    """Return addresses by name, none where there is no such file; lines of any other form are skipped."""
    try:
        text = files.read(path, _MOST_BYTES).decode("utf-8", "replace")
    except OSError:
        return {}
    known = {}
    for line in text.splitlines():
        host, *words = line.split(" ")
        try:
            if not is_address(Host(host)) and all(map(is_address, words)):
                known[host] = [address for word in words for address in numeric(word, 0)]
        except (OSError, ValueError):
            continue
    return {host: addresses for host, addresses in known.items() if addresses}


def write(path: str, known: Mapping[str, list[Address]], say: Callable[[str], None]) -> None:
    """Write the file; a failure is logged, and no reason to stop."""
    lines = [" ".join((host, *(address.host for address in some))) for host, some in known.items() if some]
    try:
        files.write(path, "".join(f"{line}\n" for line in lines).encode())
    except OSError as error:
        say(f"cannot write {path}, which keeps the addresses of names over a restart: {error.strerror}")
