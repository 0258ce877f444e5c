"""How does a check reach the network without knowing who drives it?

A check awaits the methods of a Net and of the Streams that it opens. All sockets are non-blocking. The driver supplies
how to wait and how to look up a name: by poll() for a command that runs one check, by an event loop for an agent that
runs thousands. Every wait ends at the deadline of the run.
"""

from __future__ import annotations

import _socket
from posix import strerror
from sys import byteorder
from time import monotonic

from vipwarden.core.values import is_address
from vipwarden.net.address import Address, bind, numeric
from vipwarden.net.stream import Clock, NetError, Stream

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Iterable, Sequence
    from typing import TypeAlias, TypeVar

    from vipwarden.net.path import Paths

    T = TypeVar("T")
    Attempt: TypeAlias = Callable[[Address, int, str | None, float, bool, bool], Awaitable[Stream]]

_EPERM, _ENOENT, _EAGAIN, _ENOMEM, _EACCES, _ENFILE, _EMFILE = 1, 2, 11, 12, 13, 23, 24
_EAFNOSUPPORT, _EADDRNOTAVAIL, _ECONNRESET, _ENOBUFS, _ETIMEDOUT, _ECONNREFUSED, _EINPROGRESS = (
    97, 99, 104, 105, 110, 111, 115,
)  # fmt: skip
KINDS = {
    _ECONNREFUSED: "closed",
    _ECONNRESET: "closed",
    _ENOENT: "closed",
    _ETIMEDOUT: "filtered",
    _EAGAIN: "filtered",
    **dict.fromkeys((_EPERM, _EACCES, _ENOMEM, _ENFILE, _EMFILE, _ENOBUFS, _EADDRNOTAVAIL), "local"),
}
_STREAM = _socket.SOCK_STREAM | _socket.SOCK_NONBLOCK | _socket.SOCK_CLOEXEC
_RESET_ON_CLOSE = (1).to_bytes(4, byteorder) + bytes(4)  # struct linger
RECEIVE_ERRORS = {
    _socket.AF_INET: (_socket.IPPROTO_IP, 11),  # IP_RECVERR
    _socket.AF_INET6: (_socket.IPPROTO_IPV6, 25),  # IPV6_RECVERR
}
_SEVERITY = ("closed", "filtered", "unreachable", "local")


class Net(Clock):
    """The network as one run of a check sees it.

    With ``knocks``, a connect-only check resets the connection before the application's accept(): it holds back the
    last ACK of the handshake, as HAProxy's own checks do.
    """

    __slots__ = ()
    knocks = False
    paths: Paths | None = None  # who makes the director's own paths

    async def file(self, path: str, most: int) -> tuple[int, bytes]:
        """Return the mode of a file and its beginning, at most ``most`` + 1 bytes.

        Raises OSError, and NetError (stuck) at the deadline: NFS, FUSE or a dead disk may never answer.
        """
        from vipwarden.net.file import look

        return await self.at(path, lambda: look(path, most))

    async def at(self, path: str, work: Callable[[], T]) -> T:
        """Do the same for any ``work`` that reads the file ``path`` alone: see away()."""
        return await self.away(path, work)

    async def away(self, what: str, work: Callable[[], T]) -> T:
        """Return the result of ``work``, which reads ``what`` and may hang in the kernel: data that marshal knows.

        Raises its OSError, and NetError (stuck) at the deadline.
        """
        return await self.beside(what, work)

    async def beside(self, what: str, work: Callable[[], T]) -> T:
        """Do the same in a thread: for a result that marshal does not know, from a file that has just answered."""
        raise NotImplementedError

    def once(self, _what: str, look: Callable[[], T]) -> T:
        """Return the result of ``look``; a driver of many runs shares it among those that start at the same time."""
        return look()

    def watch_processes(self, _pids: Iterable[int]) -> None:
        """Name processes on whose life the result depends: an agent runs the check at once when one of them ends.

        They are PIDs of this process's own PID namespace, and ran when the check looked.
        """

    def watch_addresses(self, _addresses: Iterable[str]) -> None:
        """Name addresses of this node on which the result depends: an agent runs the check when one comes or goes."""

    async def lookup(self, host: bytes, family: int) -> list[Address]:
        """Ask the system's resolver; raises OSError, or NetError at the deadline."""
        raise NotImplementedError

    async def resolve(self, host: str, family: int = 0) -> list[Address]:
        """Return every address of a host, in the order to try them; raises NetError.

        ``host`` is a name, an IPv4 or IPv6 address or the absolute path of a unix socket; ``family`` AF_INET or
        AF_INET6 leaves the other one out.
        """
        if host.startswith("/"):
            return [Address(_socket.AF_UNIX, host)]
        try:
            if is_address(host):
                return numeric(host, family)
            return await self.lookup(host.encode("ascii" if host.isascii() else "idna"), family)
        except ValueError as error:
            raise NetError("unresolved", f"{host!r} is no host: {error}") from None
        except NetError:
            raise
        except OSError as error:
            raise NetError("unresolved", f"cannot resolve {host}: {error.args[-1]}") from None

    async def connect(
        self,
        targets: Sequence[Address],
        port: int = 0,
        source: str | None = None,
        *,
        first: bool = False,
        mute: bool = False,
        attempt: Attempt | None = None,
    ) -> Stream:
        """Connect to the first address that answers; raises NetError with what each of them did.

        The remaining time is shared among the addresses, so that a silent host leaves time for the next. ``source`` is
        the local address. ``first`` tells that the client speaks first, so that the last ACK of the handshake may
        travel with its data; ``mute`` that nothing will be sent or received. ``attempt`` is how one address is tried.
        """
        mute = mute and self.knocks
        attempt = attempt or self.attempt
        errors: list[NetError] = []
        for index, address in enumerate(targets):
            now = monotonic()
            try:
                until = now + (self.deadline - now) / (len(targets) - index)
                return await attempt(address, port, source, until, first or mute, mute)
            except NetError as error:
                errors.append(error)
        errors.sort(key=lambda error: _SEVERITY.index(error.kind))
        raise NetError(errors[0].kind, "; ".join(error.text for error in errors))

    async def attempt(
        self, address: Address, port: int, source: str | None, until: float, hold: bool, reset: bool
    ) -> Stream:
        """Connect to one address until a monotonic time; raises NetError."""
        name, where = address.name(port), address.at(port)
        begun = monotonic()
        sock, message = None, ""
        try:
            sock = _socket.socket(address.family, _STREAM)
            if address.family != _socket.AF_UNIX:
                if source is not None:
                    self.watch_addresses((source,))
                if address.path is not None:
                    address.path.prepare(sock, address.host, source)
                elif source is not None:
                    bind(sock, address.family, source)
                if hold:
                    sock.setsockopt(_socket.IPPROTO_TCP, _socket.TCP_QUICKACK, 0)
                if reset:
                    sock.setsockopt(_socket.SOL_SOCKET, _socket.SO_LINGER, _RESET_ON_CLOSE)
            code = sock.connect_ex(where)
            while code == _EAGAIN and monotonic() < until:  # a full unix backlog cannot be polled for
                await self.pause(min(0.01, until - begun))
                code = sock.connect_ex(where)
            if code == _EINPROGRESS:
                ready = await self.wait(sock, True, until)
                code = sock.getsockopt(_socket.SOL_SOCKET, _socket.SO_ERROR) if ready else _ETIMEDOUT
            if not code and sock.getsockname() == where:
                code = _ECONNREFUSED  # nobody listens: the kernel gave us this very port, and we connected to ourselves
            if not code:
                stream, sock = Stream(self, sock, name), None
                return stream
        except NetError:
            raise
        except OSError as error:  # from socket(): no IPv6 on this node, or no descriptors left
            code, message = error.errno or 0, str(error.args[-1])
        finally:
            if sock is not None:
                sock.close()
        kind = KINDS.get(code, "unreachable")
        reason = f"no answer in {monotonic() - begun:.2g} s" if kind == "filtered" else message or strerror(code)
        raise failure(name, kind, reason)


def failure(name: str, kind: str, reason: str) -> NetError:
    """Return what one address did in place of an answer."""
    return NetError(kind, f"{name} is {kind} ({reason})" if kind != "local" else f"cannot try {name}: {reason}")
