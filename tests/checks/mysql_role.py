"""How the tests of chk_mysql_role ask a server."""

from __future__ import annotations

from typing import TYPE_CHECKING

from checks.mysql_role import mysql_role
from tests.drive import oneshot
from tests.servers.mariadb import MariaDB

if TYPE_CHECKING:
    from vipwarden.core.result import Result


def role(server: MariaDB | int, *arguments: str, user: str = "mon") -> Result:
    """Ask a server on loopback."""
    port = server.port if isinstance(server, MariaDB) else server
    return oneshot(mysql_role, "-H", "127.0.0.1", "-P", str(port), "-u", user, *arguments)
