"""How do many clients ask the agent for its verdicts without holding up a check?

They have an epoll object of their own, nested in the asyncio loop, and each turn of the loop serves a few of them.
Their number, the size of a request and the time for it are bounded; of too many the oldest gives way.
"""

from __future__ import annotations

import errno
import select
import socket
from collections import Counter
from time import monotonic
from typing import TYPE_CHECKING, TypeAlias

from vipwarden.core.listen import packed
from vipwarden.core.result import bug

if TYPE_CHECKING:
    from asyncio import AbstractEventLoop, TimerHandle
    from collections.abc import Callable

    from agent.door import Door, Doors

    # from door, client and what it has sent, of which it takes a request from the front: some bytes, and whether the
    # client may ask again (None: no, and more of this request may come); None as long as more has to come
    Answer: TypeAlias = Callable[[Door, str, bytearray], tuple[bytes, bool | None] | None]

_PATIENCE = 5.0  # seconds for a request, and for the client to take the answer and leave
_EVENTS, _ACCEPTS = 64, 32  # in one turn of the loop
_CHUNK = 16384
_NO_MORE = (errno.EMFILE, errno.ENFILE, errno.ENOBUFS, errno.ENOMEM)
_PAUSE = 0.5  # seconds without new clients, where there are no descriptors
_QUIET = 60.0  # seconds between two lines about clients that are refused
_MOST_KNOWN = 1024  # addresses
_READ, _WRITE = select.EPOLLIN | select.EPOLLRDHUP, select.EPOLLOUT


class _Client:
    """A connection; ``out`` is what it has not taken yet, ``is_leaving`` whether only its end is awaited."""

    __slots__ = ("data", "door", "is_leaving", "mask", "number", "out", "peer", "sock", "until")

    def __init__(self, sock: socket.socket, door: Door, peer: str) -> None:
        self.sock = sock
        self.number = sock.fileno()
        self.door = door
        self.peer = peer
        self.data = bytearray()
        self.out = b""
        self.is_leaving = False
        self.mask = 0  # the events that are awaited
        self.until = monotonic() + _PATIENCE

    def send(self) -> bool:
        """Send what can be sent now; return whether that was all. Raises OSError."""
        try:
            self.out = self.out[self.sock.send(self.out) :]
        except BlockingIOError:
            pass
        return not self.out


class Clients:
    """Serves the clients of ``doors``, at most ``most`` at once; ``answers`` are by protocol."""

    def __init__(
        self, loop: AbstractEventLoop, most: int, answers: dict[str, Answer], say: Callable[[str], None]
    ) -> None:
        self.refused: Counter[str] = Counter()  # since the last line about them
        self.answered = 0
        self._loop = loop
        self._most = most
        self._answers = answers
        self._say = say
        self._epoll = select.epoll()
        self._doors: dict[int, tuple[socket.socket, Door]] = {}
        self._allow: dict[str, bool] = {}
        self._networks: Doors | None = None
        self._clients: dict[int, _Client] = {}  # the oldest first
        self._timer: TimerHandle | None = None
        self._pause: TimerHandle | None = None
        self._said = float("-inf")
        loop.add_reader(self._epoll.fileno(), self._poll)

    def close(self) -> None:
        """Serve nobody any more; the listening sockets are left to their owner."""
        self._loop.remove_reader(self._epoll.fileno())
        for timer in (self._timer, self._pause):
            if timer is not None:
                timer.cancel()
        for client in self._clients.values():
            client.sock.close()
        self._clients.clear()
        self._doors.clear()
        self._epoll.close()

    def open(self, doors: Doors) -> None:
        """Serve the clients of other doors from now on; those that are connected keep their answer."""
        self._rest()
        self._doors = {sock.fileno(): (sock, door) for door, sock in doors.sockets.items()}
        self._networks = doors
        self._allow.clear()
        self._admit()

    def _rest(self) -> None:
        """Take no more clients for now."""
        if self._pause is not None:
            self._pause.cancel()
            self._pause = None
        for descriptor in self._doors:
            try:
                self._epoll.unregister(descriptor)
            except OSError:
                pass  # it was closed, or rests already

    def _admit(self) -> None:
        self._pause = None
        for descriptor in self._doors:
            self._epoll.register(descriptor, select.EPOLLIN)

    def _poll(self) -> None:
        for descriptor, _ in self._epoll.poll(0, _EVENTS):
            client = self._clients.get(descriptor)
            if client is not None:
                self._serve(client)
            elif descriptor in self._doors:
                self._accept(*self._doors[descriptor])

    def _accept(self, sock: socket.socket, door: Door) -> None:
        for _ in range(_ACCEPTS):
            try:
                made, address = sock.accept()
            except BlockingIOError:
                return
            except OSError as error:
                if error.errno in _NO_MORE:
                    self._rest()
                    self._pause = self._loop.call_later(_PAUSE, self._admit)
                    return
                continue  # of this client: accept(2)
            made.setblocking(False)
            peer = address[0].removeprefix("::ffff:")
            if not self._may(peer):
                made.close()
                self._refuse(peer)
                continue
            if len(self._clients) >= self._most:
                self._drop(next(iter(self._clients.values())))
            client = _Client(made, door, peer)
            if self._stays(client):
                self._clients[client.number] = client
                self._epoll.register(client.number, client.mask)
                if self._timer is None:
                    self._timer = self._loop.call_later(_PATIENCE, self._expire)
            else:
                made.close()

    def _may(self, peer: str) -> bool:
        known = self._allow.get(peer)
        if known is None:
            raw = packed(peer)
            allow = self._networks.allow if self._networks is not None else ()
            known = raw is not None and any(network.holds(raw) for network in allow)
            if len(self._allow) >= _MOST_KNOWN:
                self._allow.clear()
            self._allow[peer] = known
        return known

    def _refuse(self, peer: str) -> None:
        if len(self.refused) < _MOST_KNOWN or peer in self.refused:
            self.refused[peer] += 1
        now = monotonic()
        if now - self._said >= _QUIET:
            self._said = now
            count = self.refused.total()
            self._say(f"agent.allow refuses {peer}: {count} connections of {len(self.refused)} clients so far")

    def _serve(self, client: _Client) -> None:
        mask = client.mask
        if not self._stays(client):
            self._drop(client)
        elif client.mask != mask:
            self._epoll.modify(client.number, client.mask)

    def _stays(self, client: _Client) -> bool:
        """Read, answer and write as far as that goes without waiting; return whether more has to come."""
        try:
            is_over = self._read(client) if not client.out or client.send() else False
            if client.out:
                client.mask = _WRITE
                return True
        except OSError:
            return False
        except Exception as error:  # noqa: BLE001 - a bug may not end up in a loop around this client
            self._say(bug(client.door.protocol, error).text)
            return False
        client.mask = _READ
        return not is_over

    def _read(self, client: _Client) -> bool:
        """Take what has come and answer it; return whether the connection is over. Raises OSError."""
        was_leaving = client.is_leaving
        try:
            data = client.sock.recv(_CHUNK)
        except BlockingIOError:
            if not was_leaving and (client.data or client.door.speaks_first):
                self._answer(client, lingers=client.door.speaks_first)
            return False
        if was_leaving:
            return not data
        client.data += data
        lingers = bool(client.data) and self._answer(client)
        return not data or (client.is_leaving and not lingers)

    def _answer(self, client: _Client, *, lingers: bool = False) -> bool:
        """Answer the requests that are whole; return whether the client's end is awaited. Raises OSError."""
        answer = self._answers[client.door.protocol]
        while not client.out and not client.is_leaving:
            found = answer(client.door, client.peer, client.data)
            if found is None:
                return False
            self.answered += 1
            client.out, stays = found
            client.is_leaving = not stays
            lingers = lingers or stays is None
            if client.send() and client.is_leaving and lingers:
                client.sock.shutdown(socket.SHUT_WR)  # what it may yet send would reset the connection
            if client.number in self._clients:  # those that are idle for longest give way first
                client.until = monotonic() + _PATIENCE
                self._clients[client.number] = self._clients.pop(client.number)
            if not client.data:
                break
        return lingers

    def _drop(self, client: _Client) -> None:
        self._clients.pop(client.number, None)
        client.sock.close()

    def _expire(self) -> None:
        now = monotonic()
        self._timer = None
        for client in list(self._clients.values()):
            if client.until > now:
                self._timer = self._loop.call_later(client.until - now, self._expire)
                return
            self._drop(client)
