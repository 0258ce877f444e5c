"""Which web server is asked?"""

from __future__ import annotations

from vipwarden.net.target import Target

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from vipwarden.protocol.http.options import VirtualHost


class Server(Target):
    """A web server, and the virtual host that is asked for; ``settings`` are those of a Target."""

    __slots__ = ("virtualhost",)

    def __init__(
        self, host: str, port: int | None = None, virtualhost: VirtualHost | None = None, **settings: Any
    ) -> None:
        super().__init__(host, port, **settings)
        self.virtualhost = virtualhost

    @property
    def name(self) -> str:
        """The name that its certificate must have."""
        return self.virtualhost.name if self.virtualhost and not self.sni else super().name

    @property
    def number(self) -> int:
        """The port; 0 for a unix socket."""
        return 0 if self.local else self.port or (443 if self.tls else 80)

    @property
    def authority(self) -> str:
        """The host as a URL has it, with the port unless it is the default."""
        where = self.host if ":" not in self.host else f"[{self.host}]"
        return f"{where}:{self.port}" if self.port else where

    def url(self, path: str) -> str:
        """Return the URL of a path, or the path of the unix socket before it."""
        return f"{self.host}{path}" if self.local else f"http{'s' if self.tls else ''}://{self.authority}{path}"


def without_scope(name: str) -> str:
    """Turn [fe80::1%eth0]:80 into [fe80::1]:80, as the scope means nothing to the server, nor who is behind a VIP."""
    address, scope, rest = name.partition(" ")[0].partition("%")
    return address + rest[rest.index("]") :] if scope else address
