"""A real rsync daemon on loopback, with modules of all kinds."""

from __future__ import annotations

import os
import socket
import time
from contextlib import contextmanager
from typing import TYPE_CHECKING, NamedTuple

from tests.commands import program
from tests.servers.daemon import daemon
from tests.servers.ports import free_ports

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

AGE = 3600  # of the stamp
_CONFIG = """
log file = {folder}/log
motd file = {folder}/motd
address = 127.0.0.1
port = {port}
use chroot = no
{user}
[open]
path = {folder}/data
comment = for everybody
[closed]
path = {folder}/data
auth users = monitor
secrets file = {folder}/secrets
strict modes = no
[hidden]
path = {folder}/data
list = no
[denied]
path = {folder}/data
hosts deny = *
[gone]
path = {folder}/none
[filled]
path = {folder}/data
write only = yes
"""


class Rsync(NamedTuple):
    """A running daemon."""

    port: int
    log: Path


@contextmanager
def rsync(folder: Path) -> Iterator[Rsync]:
    """Run one with its files in a folder."""
    (port,) = free_ports(1)
    (folder / "data/daily").mkdir(parents=True)
    for name, age in (("stamp", AGE), ("daily/a stamp", 2 * AGE), ("of 1901", time.time() + 2**31 - 9), ("old", 0)):
        path = folder / "data" / name
        path.write_text("done\n")
        os.utime(path, (time.time() - age,) * 2)
    os.utime(folder / "data/old", (0, 0))
    (folder / "secrets").write_text("monitor:secret\n")
    (folder / "motd").write_text("Welcome\tto all\n@ the mirror\n")
    user = "" if os.geteuid() else "uid = 0\ngid = 0"  # root would become nobody, who may not look into the folder
    config = folder / "rsyncd.conf"
    config.write_text(_CONFIG.format(folder=folder, port=port, user=user))
    command = [program("rsync"), "--daemon", "--no-detach", f"--config={config}"]
    with daemon(command, folder / "out", lambda: _answers(port)):
        yield Rsync(port, folder / "log")


def _answers(port: int) -> bool:
    try:
        socket.create_connection(("127.0.0.1", port), timeout=1).close()
    except OSError:
        return False
    return True
