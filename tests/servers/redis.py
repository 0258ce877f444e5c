"""Real Redis servers and Sentinels on loopback."""

from __future__ import annotations

import socket
from contextlib import contextmanager
from typing import TYPE_CHECKING

from tests.commands import program
from tests.servers.daemon import daemon
from tests.servers.ports import free_ports
from vipwarden.protocol.redis.codec import command, parse

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from vipwarden.protocol.redis.codec import Reply

_SMALL = 'save ""\nrepl-diskless-sync-delay 0\nrepl-ping-replica-period 1\n'


class Redis:
    """A running server, or Sentinel."""

    def __init__(self, port: int, path: str) -> None:
        self.port = port
        self.path = path  # of its unix socket

    def call(self, *words: str) -> Reply:
        """Send a command by the unix socket and return the reply."""
        with socket.socket(socket.AF_UNIX) as sock:
            sock.settimeout(10)
            sock.connect(self.path)
            sock.sendall(command(*(word.encode() for word in words)))
            data = b""
            while (found := parse(data) if data else None) is None:
                data += sock.recv(65536)
            return found[0]


@contextmanager
def redis(folder: Path, *lines: str, sentinel: bool = False) -> Iterator[Redis]:
    """Run a server with these lines in its configuration, and its files in a folder; or a Sentinel."""
    (port,) = free_ports(1)
    server = Redis(port, str(folder / f"{port}.sock"))
    config = folder / f"{port}.conf"
    small = "" if sentinel else _SMALL
    config.write_text(
        "\n".join([f"bind 127.0.0.1\nport {port}\ndir {folder}\nunixsocket {server.path}\n{small}", *lines, ""])
    )
    words = ["--sentinel"] if sentinel else []
    with daemon([program("redis-server"), str(config), *words], folder / f"{port}.log", lambda: _answers(server)):
        yield server


def _answers(server: Redis) -> bool:
    try:
        server.call("PING")
    except OSError:
        return False
    return True
