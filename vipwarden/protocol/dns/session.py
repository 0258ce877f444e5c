"""How is a DNS server asked, over a Net?"""

from __future__ import annotations

from vipwarden.net.datagram import Datagrams
from vipwarden.net.stream import NetError
from vipwarden.protocol.dns.message import answers_to, reply, truncated
from vipwarden.protocol.wire import WireError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from vipwarden.net.address import Address
    from vipwarden.net.net import Net
    from vipwarden.protocol.dns.message import Reply


async def ask(
    net: Net, address: Address, port: int, asked: bytes, source: str | None = None, *, tcp: bool = False
) -> tuple[Reply, str]:
    """Return the reply of a server by UDP, or by TCP where it does not fit or ``tcp`` says so; and which way it came.

    Raises NetError. The query goes out three times before silence counts.
    """
    data = b"" if tcp else await _by_udp(net, address, port, asked, source)
    way = "TCP" if tcp else "UDP"
    if tcp or truncated(data):
        data = await _by_tcp(net, address, port, asked, source)
        way = "TCP" if tcp else "TCP after a truncated answer by UDP"
    try:
        return reply(asked, data), way
    except WireError as error:
        raise NetError("reset", f"{address.name(port)} {error}") from None


async def _by_udp(net: Net, address: Address, port: int, asked: bytes, source: str | None) -> bytes:
    with Datagrams(net, address, port, source) as peer:
        data = await peer.ask(asked, lambda data: answers_to(asked, data))
        if data is not None:
            return data
        raise net.expired(f"no answer from {peer.name}")


async def _by_tcp(net: Net, address: Address, port: int, asked: bytes, source: str | None) -> bytes:
    with await net.connect([address], port, source, first=True) as stream:
        await stream.send(len(asked).to_bytes(2, "big") + asked)
        data = await stream.receive_exactly(int.from_bytes(await stream.receive_exactly(2), "big"))
        if not answers_to(asked, data):
            raise NetError("reset", f"{stream.name} sent something that is no answer to the query")
        return data
