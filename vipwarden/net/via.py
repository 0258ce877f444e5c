"""How does a check reach a VIP by the director's own path to one real server?"""

from __future__ import annotations

from _socket import AF_INET, AF_INET6
from time import monotonic

from vipwarden.net.address import Address
from vipwarden.net.stream import NetError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from vipwarden.core.values import Via
    from vipwarden.net.net import Net
    from vipwarden.net.stream import Stream

_SPARE = 0.05  # of the time: to find out why nobody answered


class ByPath:
    """The VIP of ``via`` as a check on ``net`` reaches it."""

    __slots__ = ("_net", "_via")

    def __init__(self, net: Net, via: Via) -> None:
        self._net = net
        self._via = via

    def address(self, real: Address) -> Address:
        """Return the VIP as an address that leads to one real server; raises NetError where no path can be built."""
        net, via = self._net, self._via
        try:
            if net.paths is None:
                raise NetError("local", f"via {via} is not possible in this program")
            if real.family != (AF_INET6 if ":" in via.vip else AF_INET) or "%" in real.host:
                raise NetError(
                    "local", f"{real.host} cannot be asked via {via}: both have to be IPv4, or IPv6 without a scope"
                )
            path = net.paths.path(via.kind, real.host)
        except NetError:
            net.no_path = True
            raise
        net.used = path, via.vip
        return Address(real.family, via.vip, (), path)

    async def attempt(
        self, real: Address, port: int, source: str | None, until: float, hold: bool, _reset: bool
    ) -> Stream:
        """Connect to the VIP by the path to one real server, again where somebody removed the path meanwhile."""
        until -= _SPARE * (until - monotonic())
        while True:
            address, error, stream = self.address(real), None, None
            try:
                stream = await self._net.attempt(address, port, source, until, hold, False)
            except NetError as caught:
                error = caught
            try:
                is_gone = self.is_gone(address, port, until, failed=stream is None)
            except NetError:
                if stream is not None:
                    stream.close()
                raise
            if stream is not None and not is_gone:
                return stream
            if stream is not None:
                stream.close()
            elif error is not None and not is_gone:
                raise error

    def is_gone(self, address: Address, port: int, until: float, *, failed: bool) -> bool:
        """Return whether an attempt by the path of an address means nothing, as somebody removed the path meanwhile.

        Raises NetError (local) where no server can be asked by it, or the time is over.
        """
        why = address.path.trouble(address.host, failed=failed) if address.path is not None else None
        if why or (why is not None and monotonic() >= until):
            self._net.no_path = True
            raise NetError("local", f"{address.name(port)} was not asked: {why or 'its IPVS service was removed'}")
        return why is not None
