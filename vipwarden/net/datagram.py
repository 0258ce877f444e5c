"""How are datagrams exchanged with one peer, with any driver?"""

from __future__ import annotations

import _socket
from time import monotonic

from vipwarden.net.address import bind
from vipwarden.net.net import KINDS, RECEIVE_ERRORS, failure
from vipwarden.net.stream import NetError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from typing import Self

    from vipwarden.net.address import Address
    from vipwarden.net.stream import Clock

_YIELD = 64  # datagrams
TRIES = 3  # a datagram may be lost


class Datagrams:
    """A UDP socket connected to one address, by name ("127.0.0.1:53"); leaving its ``with`` block closes it.

    The kernel passes on only what comes from that address, and reports its ICMP errors (ip(7), IP_RECVERR): NetError
    is closed where the port is unreachable, unreachable where host or network are. Silence is no error.
    """

    __slots__ = ("_reads", "clock", "name", "sock")

    def __init__(self, clock: Clock, address: Address, port: int, source: str | None = None) -> None:
        """Open the socket, which sends nothing; ``source`` is the local address. Raises NetError."""
        self.clock = clock
        self.name = address.name(port)
        self._reads = 0
        sock = None
        try:
            sock = _socket.socket(address.family, _socket.SOCK_DGRAM | _socket.SOCK_NONBLOCK | _socket.SOCK_CLOEXEC)
            sock.setsockopt(*RECEIVE_ERRORS[address.family], 1)
            if address.path is not None:
                address.path.prepare(sock, address.host, source)
            elif source is not None:
                bind(sock, address.family, source)
            sock.connect(address.at(port))
            if sock.getsockname() == address.at(port):  # nobody listens: the kernel gave us this very port
                raise failure(self.name, "closed", "its port was free")
            self.sock, sock = sock, None
        except NetError:
            raise
        except OSError as error:
            raise self._broken(error) from None
        finally:
            if sock is not None:
                sock.close()

    async def send(self, data: bytes) -> None:
        """Send a datagram; raises NetError, also for the ICMP error that an earlier one met."""
        while True:
            try:
                self.sock.send(data)
            except BlockingIOError:
                if not await self.clock.wait(self.sock, True, self.clock.deadline):
                    raise self.clock.expired(f"{self.name} took no datagram") from None
            except OSError as error:
                raise self._broken(error) from None
            else:
                return

    async def receive(self, until: float) -> bytes | None:
        """Return the next datagram, None where the monotonic time ``until`` comes first; raises NetError."""
        while True:
            try:
                data = self.take()
            except BlockingIOError:
                if not await self.clock.wait(self.sock, False, until):
                    return None
            except OSError as error:
                raise self._broken(error) from None
            else:
                self._reads += 1
                if self._reads % _YIELD == 0:  # a flood must not hold the neighbours
                    await self.clock.pause(0)
                return data if monotonic() < until else None

    def turns(self, tries: int = TRIES) -> Iterator[float]:
        """Yield how long to wait after each of several sendings, as monotonic times up to the deadline."""
        patience = self.clock.remaining() / tries
        for _ in range(tries - 1):
            yield monotonic() + patience
        yield self.clock.deadline

    async def ask(self, data: bytes, answers: Callable[[bytes], bool], tries: int = TRIES) -> bytes | None:
        """Send a datagram, several times until the deadline, and return the first one for which ``answers`` is true.

        None where the peer is silent; raises NetError.
        """
        for until in self.turns(tries):
            await self.send(data)
            while (reply := await self.receive(until)) is not None:
                if answers(reply):
                    return reply
        return None

    def take(self) -> bytes:
        """Return what has come; raises OSError."""
        return self.sock.recv(65535)

    def close(self) -> None:
        """Close the socket."""
        self.sock.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def _broken(self, error: OSError) -> NetError:
        kind = KINDS.get(error.errno or 0, "unreachable")
        return failure(self.name, kind, error.strerror or str(error))
