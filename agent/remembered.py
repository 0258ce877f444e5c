"""Which addresses did an earlier agent know? A line for each name, for the time after a restart."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

from vipwarden.core.values import Host, is_address
from vipwarden.net.net import numeric

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from vipwarden.net.net import Address

NAME = "agent.names"
_MOST_BYTES = 16 << 20
_READ = os.O_RDONLY | os.O_CLOEXEC | os.O_NOFOLLOW | os.O_NONBLOCK


def read(path: str) -> dict[str, list[Address]]:
    """Return addresses by name, none where there is no such file; a line that nobody wrote so is left out."""
    try:
        source = os.open(path, _READ)
    except OSError:
        return {}
    with open(source, "rb") as file:  # noqa: PTH123 - not through a link
        try:
            text = file.read(_MOST_BYTES).decode("utf-8", "replace")
        except OSError:
            return {}
    found = {}
    for line in text.splitlines():
        host, *words = line.split(" ")
        try:
            if not is_address(Host(host)) and all(map(is_address, words)):
                found[host] = [address for word in words for address in numeric(word, 0)]
        except (OSError, ValueError):
            continue
    return {host: addresses for host, addresses in found.items() if addresses}


def write(path: str, known: Mapping[str, list[Address]], say: Callable[[str], None]) -> None:
    """Write them down aside and rename; that it cannot be done is said, and no reason to stop."""
    folder, _, name = path.rpartition("/")
    aside = f"{folder}/.{os.getpid()}.{name}"
    lines = [" ".join((host, *(one.host for one in found))) for host, found in known.items() if found]
    try:
        try:
            with open(os.open(aside, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_NOFOLLOW, 0o644), "w") as file:  # noqa: PTH123
                file.write("".join(f"{line}\n" for line in lines))
            os.rename(aside, path)  # noqa: PTH104
        except OSError:
            os.unlink(aside)  # noqa: PTH108
            raise
    except OSError as error:
        say(f"cannot write {path}, which keeps the addresses of names over a restart: {error.strerror}")
