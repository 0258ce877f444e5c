"""How the tests of chk_port ask a server."""

from __future__ import annotations

from typing import TYPE_CHECKING

from checks.port import port
from tests.drive import oneshot

if TYPE_CHECKING:
    from tests.servers import misbehaving as servers
    from vipwarden.core.result import Result


def ask(server: servers.Server, *arguments: str) -> Result:
    """Run the port check against a server."""
    where = ("-H", server.host) if server.host.startswith("/") else ("-H", server.host, "-p", str(server.port))
    return oneshot(port, *where, *arguments)
