"""A real NTP server on loopback: chronyd, which leaves the clock alone."""

from __future__ import annotations

import socket
from contextlib import contextmanager
from typing import TYPE_CHECKING

from tests.commands import program
from tests.servers.daemon import daemon
from tests.servers.ports import free_ports

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

_CONF = """
port {port}
bindaddress 127.0.0.1
bindaddress ::1
allow
cmdport 0
bindcmdaddress /
pidfile {folder}/chronyd{port}.pid
{more}
"""


@contextmanager
def chrony(folder: Path, *more: str) -> Iterator[int]:
    """Run chronyd with its files in ``folder`` and further lines in its configuration, and yield its port."""
    (port,) = free_ports(1)
    config = folder / f"chrony{port}.conf"
    config.write_text(_CONF.format(folder=folder, port=port, more="\n".join(more)))
    command = [program("chronyd"), "-dxU", "-u", "root", "-f", str(config)]
    with daemon(command, folder / "chrony.log", lambda: _answers(port)):
        yield port


def _answers(port: int) -> bool:
    with socket.socket(type=socket.SOCK_DGRAM) as sock:
        sock.settimeout(0.1)
        sock.connect(("127.0.0.1", port))
        try:
            sock.send(b"\x23" + bytes(47))
            return len(sock.recv(99)) == 48
        except OSError:
            return False
