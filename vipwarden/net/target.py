"""To which server does a check connect, and inside TLS or not?"""

from __future__ import annotations

from vipwarden.core.values import family

TYPE_CHECKING = False
if TYPE_CHECKING:
    from vipwarden.core.values import Via
    from vipwarden.net.net import Net
    from vipwarden.net.stream import Stream


class Target:
    """A server and the settings of its connections; ``host`` is a name, an address or the path of a unix socket."""

    __slots__ = ("ca_file", "family", "host", "insecure", "local", "port", "sni", "source", "tls", "via")

    def __init__(
        self,
        host: str,
        port: int | None = None,
        *,
        tls: bool = False,
        sni: str | None = None,
        ca_file: str | None = None,
        insecure: bool = False,
        ipv4: bool = False,
        ipv6: bool = False,
        source: str | None = None,
        via: Via | None = None,
    ) -> None:
        self.host = host
        self.local = host.startswith("/")  # whether it is a unix socket
        self.port = port
        self.tls = tls
        self.sni = sni
        self.ca_file = ca_file
        self.insecure = insecure
        self.family = family(ipv4, ipv6)
        self.source = source
        self.via = via

    @property
    def name(self) -> str:
        """The name that its certificate must have."""
        return self.sni or ("localhost" if self.local else self.host)

    @property
    def number(self) -> int:
        """The port; 0 for a unix socket."""
        return 0 if self.local else self.port or 0

    def contradiction(self, *, tls_later: bool = False) -> str:
        """Return why the options contradict each other, or ""; TLS may begin later."""
        if not self.tls and not tls_later and (self.sni or self.ca_file or self.insecure):
            return "sni, ca_file and insecure are for TLS, which is not asked for"
        return "a unix socket has no ports" if self.local and self.port else ""

    async def connect(self, net: Net, *, first: bool = False) -> Stream:
        """Return a connection, inside TLS where that is asked for; raises NetError.

        ``first`` tells that the client speaks first.
        """
        if self.tls:
            from vipwarden.net.trust import context

            await context(net, self.ca_file, self.insecure)  # before a server is asked
        targets = await net.resolve(self.host, self.family)
        attempt = None
        if self.via is not None:
            from vipwarden.net.via import ByPath

            attempt = ByPath(net, self.via).attempt
        stream = await net.connect(targets, self.number, self.source, first=first or self.tls, attempt=attempt)
        try:
            return await self.encrypt(net, stream) if self.tls else stream
        except BaseException:
            stream.close()
            raise

    async def encrypt(self, net: Net, stream: Stream) -> Stream:
        """Start TLS on a connection; raises NetError."""
        from vipwarden.net.tls import start_tls
        from vipwarden.net.trust import context

        return await start_tls(stream, await context(net, self.ca_file, self.insecure), self.name)
