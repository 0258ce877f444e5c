"""What time is it by an NTP server, and how far off is the clock of this node? (RFC 5905)

A request tells nothing of this node: in place of its time it carries random bytes, which a reply has to repeat
(draft-ietf-ntp-data-minimization).
"""

from __future__ import annotations

from posix import urandom
from time import time

from vipwarden.core.result import one_line
from vipwarden.net.datagram import Datagrams
from vipwarden.net.stamp import receive, stamp
from vipwarden.net.stream import NetError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from vipwarden.net.address import Address
    from vipwarden.net.net import Net

_REQUEST = bytes((0o43,)) + bytes(39)  # version 4, mode 3: client
_SERVER = 4
_SIZE = 48
_TO_1970 = 2_208_988_800  # seconds from the beginning of the first era
_ERA = 1 << 32
_UNSYNCHRONISED, _MOST_STRATUM = 3, 15
_MOST = 2048  # bytes of a datagram
_COARSE = 1.0  # seconds, where clocks run at different speeds


class Sample:
    """What a server's reply says: all in seconds; a positive ``offset`` means that this clock is behind.

    The offset is right to within half of the ``delay``, which is the time that the network took.
    """

    __slots__ = ("delay", "name", "offset", "stratum")

    def __init__(self, name: str, offset: float, delay: float, stratum: int) -> None:
        self.name = name
        self.offset = offset
        self.delay = delay
        self.stratum = stratum


async def ask(net: Net, address: Address, port: int, source: str | None = None) -> Sample:
    """Return the sample of a server; raises NetError, also for one that has no time to give."""
    with _Peer(net, address, port, source) as peer:
        sent: dict[bytes, float] = {}
        for until in peer.turns():
            nonce = urandom(8)
            sent[nonce] = time()
            await peer.send(_REQUEST + nonce)
            while (data := await peer.receive(until)) is not None:
                begun = sent.get(data[24:32])
                if begun is not None and len(data) >= _SIZE and data[0] & 7 == _SERVER:
                    return _sample(peer.name, data, begun, peer.arrived)
        raise net.expired(f"no answer from {peer.name}")


class _Peer(Datagrams):
    """A server, whose replies are stamped by the kernel."""

    __slots__ = ("arrived",)

    def __init__(self, net: Net, address: Address, port: int, source: str | None) -> None:
        """Open the socket; raises NetError."""
        super().__init__(net, address, port, source)
        stamp(self.sock)
        self.arrived = 0.0

    def take(self) -> bytes:
        """Return what has come; raises OSError."""
        data, _, self.arrived = receive(self.sock, _MOST)
        return data


def _sample(name: str, data: bytes, sent: float, arrived: float) -> Sample:
    """Return what a reply says; raises NetError."""
    leap, stratum = data[0] >> 6, data[1]
    if leap == _UNSYNCHRONISED or stratum > _MOST_STRATUM:
        raise NetError("reset", f"{name} is not synchronised itself")
    if not stratum:  # a kiss of death
        code = one_line(data[12:16].decode("ascii", "replace").rstrip("\0"), 4)
        raise NetError("reset", f"{name} refuses to answer ({code or 'without a reason'})")
    came, left = (_unix(data[at : at + 8], arrived) for at in (32, 40))
    delay = (arrived - sent) - (left - came)
    if not any(data[40:48]) or left < came or delay < -_COARSE:
        raise NetError("reset", f"{name} sent no time")
    return Sample(name, ((came - sent) + (left - arrived)) / 2, max(0.0, delay), stratum)


def _unix(raw: bytes, near: float) -> float:
    """Return a time in seconds since 1970, of the era in which it is nearest to another time."""
    seconds = int.from_bytes(raw[:4], "big") - _TO_1970
    seconds += round((near - seconds) / _ERA) * _ERA
    return seconds + int.from_bytes(raw[4:], "big") / _ERA
