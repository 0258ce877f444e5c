"""Which web server is asked, and how is the connection to it made?"""

from __future__ import annotations

from _socket import AF_INET, AF_INET6

TYPE_CHECKING = False
if TYPE_CHECKING:
    from vipwarden.net.net import Net
    from vipwarden.net.stream import Stream
    from vipwarden.protocol.http.options import VirtualHost


class Server:
    """A web server and the settings of its connections; ``host`` is a name, an address or the path of a unix socket."""

    __slots__ = ("ca_file", "family", "host", "insecure", "port", "sni", "source", "tls", "virtualhost")

    def __init__(
        self,
        host: str,
        port: int | None = None,
        virtualhost: VirtualHost | None = None,
        tls: bool = False,
        *,
        sni: str | None = None,
        ca_file: str | None = None,
        insecure: bool = False,
        ipv4: bool = False,
        ipv6: bool = False,
        source: str | None = None,
    ) -> None:
        self.host = host
        self.port = port
        self.virtualhost = virtualhost
        self.tls = tls
        self.sni = sni
        self.ca_file = ca_file
        self.insecure = insecure
        self.family = 0 if ipv4 is ipv6 else AF_INET if ipv4 else AF_INET6
        self.source = source

    @property
    def local(self) -> bool:
        """Whether it is a unix socket."""
        return self.host.startswith("/")

    @property
    def name(self) -> str:
        """The name that its certificate must have."""
        return self.sni or (self.virtualhost.name if self.virtualhost else "localhost" if self.local else self.host)

    @property
    def authority(self) -> str:
        """The host as a URL has it, with the port unless it is the default."""
        where = self.host if ":" not in self.host else f"[{self.host}]"
        return f"{where}:{self.port}" if self.port else where

    @property
    def number(self) -> int:
        """The port; 0 for a unix socket."""
        return 0 if self.local else self.port or (443 if self.tls else 80)

    def url(self, path: str) -> str:
        """Return the URL of a path, or the path of the unix socket before it."""
        return f"{self.host}{path}" if self.local else f"http{'s' if self.tls else ''}://{self.authority}{path}"

    def contradiction(self, *, tls_later: bool = False) -> str:
        """Return why the options contradict each other, or ""; a redirect may ask for TLS later."""
        if not self.tls and not tls_later and (self.sni or self.ca_file or self.insecure):
            return "sni, ca_file and insecure are for TLS, which is not asked for"
        return "a unix socket has no ports" if self.local and self.port else ""

    async def connect(self, net: Net) -> Stream:
        """Return a connection for a request, inside TLS where that is asked for; raises NetError."""
        settings = None
        if self.tls:
            from vipwarden.net.tls import context, start_tls

            settings = await context(net, self.ca_file, self.insecure)
        stream = await net.connect(await net.resolve(self.host, self.family), self.number, self.source, first=True)
        if settings is None:
            return stream
        try:
            return await start_tls(stream, settings, self.name)
        except BaseException:
            stream.close()
            raise


def without_scope(name: str) -> str:
    """Turn [fe80::1%eth0]:80 into [fe80::1]:80, as the scope means nothing to the server."""
    address, scope, rest = name.partition("%")
    return address + rest[rest.index("]") :] if scope else name
