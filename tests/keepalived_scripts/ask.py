"""How the tests of chk_ commands ask a server."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from tests.servers import misbehaving as servers


FAILED = 1


def at(server: servers.Server, *more: str) -> list[str]:
    """Return the options for a server."""
    return ["-H", server.host, "-p", str(server.port), *more]
