"""How are bytes sent and received on a connection, with any driver?"""

from __future__ import annotations

from _socket import MSG_NOSIGNAL
from time import monotonic

from vipwarden.core.result import CRITICAL, UNKNOWN, Metric, Result

TYPE_CHECKING = False
if TYPE_CHECKING:
    import _socket
    from collections.abc import Awaitable, Sequence

    from vipwarden.core.result import Range, State
    from vipwarden.net.path import Path


class NetError(OSError):
    """What happened in place of an answer, in words for the operator.

    ``kind`` is one of: closed (refused), filtered (no answer to the connection), unreachable, unresolved (the
    name), reset (cut off), expired (no answer within the deadline), tls, local (a fault of this node), stuck (a file
    of this node does not answer within the deadline).
    """

    def __init__(self, kind: str, text: str) -> None:
        super().__init__(text)
        self.kind = kind
        self.text = text

    @property
    def state(self) -> State:
        """UNKNOWN where no server was asked, else CRITICAL."""
        return UNKNOWN if self.kind in ("unresolved", "local", "stuck") else CRITICAL

    @property
    def expired(self) -> bool:
        """Whether it met the deadline."""
        return self.kind in ("expired", "filtered", "stuck")

    def result(self, what: str, metrics: Sequence[Metric] = ()) -> Result:
        """Return the Result of a check that tried ``what``."""
        return Result(self.state, f"{what}: {self.text}", metrics, expired=self.expired)


class Clock:
    """The deadline of a run of a check, and how the run waits: every wait ends at the deadline."""

    __slots__ = ("begun", "deadline", "end", "no_path", "timeout", "used", "whole")

    def begin(self, timeout: float) -> None:
        """Start the clock: the whole run ends ``timeout`` seconds from now."""
        self.no_path = False  # whether the director's own path to a real server could not be built
        self.used: tuple[Path, str] | None = None  # the last one, and its VIP
        self.timeout = self.whole = timeout
        self.begun = monotonic()
        self.deadline = self.end = self.begun + timeout

    def time(self, warning: Range | None = None, critical: Range | None = None) -> Metric:
        """Return the metric of the duration so far."""
        return Metric("time", monotonic() - self.begun, "s", warn=warning, crit=critical, minimum=0, maximum=self.whole)

    def share(self, parts: int) -> None:
        """Give the next step an equal share of the time that is left, for ``parts`` steps."""
        now = monotonic()
        self.timeout = max(0.0, self.end - now) / parts
        self.deadline = now + self.timeout

    def remaining(self) -> float:
        """Return the seconds that are left, negative when the deadline has passed."""
        return self.deadline - monotonic()

    def expired(self, what: str) -> NetError:
        """Return the error of a run that met its deadline; ``what`` names what it waited for."""
        return NetError("expired", f"{what} within {self.timeout:.3g} s")

    def stuck(self, what: str, pid: int = 0) -> NetError:
        """Return the error of a run that met its deadline while it read the file ``what``, or an earlier one's PID."""
        waits = f"is still being read by an earlier run (pid {pid})"
        text = waits if pid else f"could not be read within {self.timeout:.3g} s"
        return NetError("stuck", f"{what} {text}: is a mount dead?")

    def wait(self, sock: _socket.socket, write: bool, until: float) -> Awaitable[bool]:
        """Wait until the socket can be read (or written); False where the monotonic time ``until`` comes first."""
        raise NotImplementedError

    def pause(self, seconds: float) -> Awaitable[None]:
        """Wait for so many seconds."""
        raise NotImplementedError


class Stream:
    """A connection of a run, by name ("127.0.0.1:80"); leaving its ``with`` block closes it."""

    __slots__ = ("_reads", "clock", "name", "sock")

    def __init__(self, clock: Clock, sock: _socket.socket, name: str) -> None:
        self.clock = clock
        self.sock = sock
        self.name = name
        self._reads = 0

    async def send(self, data: bytes) -> None:
        """Send all of it; raises NetError."""
        view = memoryview(data)
        while view:
            try:
                view = view[self.sock.send(view, MSG_NOSIGNAL) :]
            except BlockingIOError:
                if not await self.clock.wait(self.sock, True, self.clock.deadline):
                    raise self.clock.expired(f"{self.name} took no more data") from None
            except OSError as error:
                raise self._broken(error) from None

    def part(self, data: bytes) -> None:
        """Send what the kernel takes at once, without waiting: for a run that has to end."""
        try:
            self.sock.send(data, MSG_NOSIGNAL)
        except OSError:
            pass  # the run ends anyway

    async def receive(self, size: int = 65536) -> bytes:
        """Return at least one byte and at most ``size``, or nothing at the end; raises NetError."""
        while True:
            try:
                data = self.sock.recv(size)
            except BlockingIOError:
                if not await self.clock.wait(self.sock, False, self.clock.deadline):
                    raise self.clock.expired(f"no answer from {self.name}") from None
            except OSError as error:
                raise self._broken(error) from None
            else:
                # a peer that sends a byte at a time, or without end, must not hold the run or its neighbours
                if self.clock.remaining() <= 0:
                    raise self.clock.expired(f"no whole answer from {self.name}")
                self._reads += 1
                if self._reads % 64 == 0:
                    await self.clock.pause(0)
                return data

    async def receive_exactly(self, size: int) -> bytes:
        """Return exactly that many bytes; raises NetError, also where the stream ends before."""
        data = b""
        while len(data) < size:
            more = await self.receive(size - len(data))
            if not more:
                raise NetError("reset", f"{self.name} closed the connection after {len(data)} of {size} bytes")
            data += more
        return data

    def close(self) -> None:
        """Close without waiting for anything."""
        self.sock.close()

    def __enter__(self) -> Stream:
        return self

    def __exit__(self, *_: object) -> None:
        self.sock.close()

    def _broken(self, error: OSError) -> NetError:
        return NetError("reset", f"{self.name} cut the connection off ({error.strerror})")
