"""Which addresses answer ICMP echo requests, and how fast? Asked by ping sockets, which need no rights."""

from __future__ import annotations

import _socket
import posix
import select
from time import monotonic, time

from vipwarden.net.net import RECEIVE_ERRORS
from vipwarden.net.ping import MESSAGES, opened, refusal, send_failure
from vipwarden.net.stamp import receive
from vipwarden.net.stream import NetError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence

    from vipwarden.net.address import Address
    from vipwarden.net.net import Net

_SIZE = 56  # bytes after the header, as ping sends them
_TOKEN = 16  # of them, by which a reply is known to be one
_TURN = 64  # packets, before other checks of the same loop run
_ROOM = 256  # bytes for an error
_SEQUENCE = 0xFFFF


class Echo:
    """What became of the requests to one address: ``times`` in seconds, and the last error."""

    __slots__ = ("address", "asked", "error", "times")

    def __init__(self, address: Address) -> None:
        self.address = address
        self.asked = 0
        self.times: list[float] = []
        self.error: NetError | None = None

    @property
    def loss(self) -> float:
        """The share of the requests without a reply, in per cent."""
        return 100 * (1 - len(self.times) / self.asked) if self.asked else 100.0

    @property
    def mean(self) -> float:
        """The mean round trip in seconds; infinite without a reply."""
        return sum(self.times) / len(self.times) if self.times else float("inf")


class Echoes:
    """The requests to several addresses; leaving its ``with`` block closes the sockets."""

    def __init__(self, net: Net, echoes: Sequence[Echo], source: str | None, lost_after: float) -> None:
        """Open the sockets; what cannot be asked has its error. Raises NetError."""
        self.echoes = echoes
        self._net = net
        self._lost_after = lost_after
        self._token = posix.urandom(_TOKEN) + bytes(_SIZE - _TOKEN)
        self._sequence = 0
        self._pending: dict[int, tuple[Echo, float, float]] = {}  # when it was sent, by wall clock and monotonic
        self._sockets: dict[int, _socket.socket] = {}
        self._both: select.epoll | None = None
        try:
            for family in dict.fromkeys(echo.address.family for echo in echoes):
                self._open(family, source)
            if len(self._sockets) > 1:
                self._both = select.epoll()
                for sock in self._sockets.values():
                    self._both.register(sock, select.EPOLLIN)
        except OSError as error:
            self.close()
            raise NetError("local", f"cannot wait for replies: {error.strerror}") from None

    def _open(self, family: int, source: str | None) -> None:
        try:
            self._sockets[family] = opened(family, source)
        except NetError as error:
            for echo in self.echoes:
                if echo.address.family == family:
                    echo.error = error

    async def ask(self, count: int, pause: float) -> None:
        """Send ``count`` requests to each address, with a pause between them, and wait for the replies."""
        for left in range(count - 1 if self._sockets else -1, -1, -1):
            for echo in self.echoes:
                self._send(echo)
            now = monotonic()
            await self._gather(min(self._net.deadline, now + (pause if left else self._lost_after)), last=not left)
            if monotonic() >= self._net.deadline:
                return

    async def _gather(self, until: float, *, last: bool) -> None:
        """Take replies until a monotonic time, or until the last one has come."""
        source = self._both or next(iter(self._sockets.values()), None)
        is_over = source is None
        while self._pending and not is_over:
            # at the end once more: this process may not have run meanwhile, and the kernel stamps what comes
            is_over = not await self._net.wait(source, False, until) or monotonic() >= until  # type: ignore[arg-type]
            for sock in self._sockets.values():
                await self._take(sock, until)
        left = until - monotonic()
        if not last and left > 0:
            await self._net.pause(left)

    async def _take(self, sock: _socket.socket, until: float) -> None:
        """Take what has come by one socket."""
        while True:
            for _ in range(_TURN):
                if not self._pending:
                    return
                try:
                    data, sender, arrived = receive(sock, 2048)
                except BlockingIOError:
                    return
                except OSError:
                    self._take_errors(sock)
                else:
                    self._reply(data, sender, arrived)
            await self._net.pause(0)
            if monotonic() >= until:
                return

    def _send(self, echo: Echo) -> None:
        sock = self._sockets.get(echo.address.family)
        if sock is None:
            return
        self._sequence = number = (self._sequence + 1) & _SEQUENCE
        request = MESSAGES[echo.address.family][1]
        packet = bytes((request, 0, 0, 0, 0, 0)) + number.to_bytes(2, "big") + self._token
        echo.asked += 1
        for _ in range(2):
            self._pending[number] = echo, time(), monotonic()
            try:
                sock.sendto(packet, echo.address.at(0))
            except OSError as error:
                del self._pending[number]
                if self._take_errors(sock):
                    continue  # it was that of an earlier request
                if not isinstance(error, BlockingIOError):
                    echo.error = send_failure(echo.address, error)
            return

    def _reply(self, data: bytes, sender: str, arrived: float) -> None:
        """Count a reply that is one."""
        entry = self._pending.get(int.from_bytes(data[6:8], "big"))
        if entry is None or data[8:] != self._token:
            return
        echo, sent, begun = entry
        address = echo.address
        same = sender.partition("%")[0] == address.host.partition("%")[0]
        if not same or data[0] != MESSAGES[address.family][2]:
            return
        del self._pending[int.from_bytes(data[6:8], "big")]
        most = monotonic() - begun
        taken = arrived - sent
        if not 0 <= taken <= most:  # the wall clock was set meanwhile
            taken = most
        if taken <= self._lost_after:
            echo.times.append(taken)

    def _take_errors(self, sock: _socket.socket) -> bool:
        """Count the requests of which ICMP says that they did not arrive; return whether there were any."""
        found = False
        while True:
            try:
                data, ancillary, _, _ = sock.recvmsg(2048, _ROOM, _socket.MSG_ERRQUEUE)
            except OSError:
                return found
            found = True
            entry = self._pending.pop(int.from_bytes(data[6:8], "big"), None)
            for level, kind, value in ancillary:
                if entry is not None and (level, kind) in RECEIVE_ERRORS.values():
                    entry[0].error = refusal(entry[0].address, value)

    def close(self) -> None:
        """Close the sockets."""
        for sock in self._sockets.values():
            sock.close()
        if self._both is not None:
            self._both.close()

    def __enter__(self) -> Echoes:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()
