"""What the tests of chk_mysql_ping share: accounts, servers and waits."""

from __future__ import annotations

import os
import pwd
import ssl
import time
from pathlib import Path
from typing import TYPE_CHECKING

from checks.mysql_ping import mysql_ping
from tests.drive import oneshot
from tests.servers.mariadb import MariaDB

if TYPE_CHECKING:
    from collections.abc import Callable

    from vipwarden.core.result import Result

ME = pwd.getpwuid(os.geteuid()).pw_name
ACCOUNTS = (
    "CREATE USER nat@'%' IDENTIFIED VIA mysql_native_password USING PASSWORD('secret')",
    "CREATE USER ed@'%' IDENTIFIED VIA ed25519 USING PASSWORD('secret')",
    "CREATE USER two@'%' IDENTIFIED VIA ed25519 USING PASSWORD('x') OR mysql_native_password USING PASSWORD('secret')",
    "CREATE USER bare@'%'",
    "CREATE USER tls@'%' IDENTIFIED BY 'secret' REQUIRE SSL",
    f"CREATE USER IF NOT EXISTS {ME}@localhost",
    f"ALTER USER {ME}@localhost IDENTIFIED VIA unix_socket",
    "CREATE DATABASE shop",
    "GRANT SELECT ON shop.* TO nat@'%'",
)


def ping(server: MariaDB | int, *arguments: str) -> Result:
    """Ping a server on loopback by its port."""
    port = server.port if isinstance(server, MariaDB) else server
    return oneshot(mysql_ping, "-H", "127.0.0.1", "-P", str(port), *arguments)


def server_context(folder: Path) -> ssl.SSLContext:
    """Return the settings of a TLS server."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(folder / "server.pem", folder / "server.key")
    return context


def asleep(pid: int) -> bool:
    """Return whether a process waits in poll()."""
    return "poll" in Path(f"/proc/{pid}/wchan").read_text()


def eventually(condition: Callable[[], bool]) -> bool:
    """Wait for what another process or thread is about to do."""
    deadline = time.monotonic() + 60
    while not condition():
        if time.monotonic() > deadline:
            return False
        time.sleep(0.005)
    return True
