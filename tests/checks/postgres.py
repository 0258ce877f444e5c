"""How the tests of chk_postgres_role ask a server."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

from checks.postgres_role import postgres_role
from tests.drive import oneshot

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from tests.servers.postgres import Postgres
    from vipwarden.core.result import Result


def passfile(folder: Path, line: str = "127.0.0.1:*:postgres:scram:secret", mode: int = 0o600) -> str:
    """Write a passfile."""
    path = folder / "pgpass"
    path.write_text(line + "\n")
    path.chmod(mode)
    return str(path)


def ask(server: Postgres | int, *arguments: str) -> Result:
    """Ask a server on loopback by its port."""
    port = server if isinstance(server, int) else server.port
    return oneshot(postgres_role, "-H", "127.0.0.1", "-p", str(port), *arguments)


def eventually(condition: Callable[[], bool]) -> bool:
    """Wait for what a server is about to do."""
    until = time.monotonic() + 60
    while not condition():
        if time.monotonic() > until:
            return False
        time.sleep(0.02)
    return True
