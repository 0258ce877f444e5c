"""How do many clients ask the agent for its verdicts without holding up a check?

They have an epoll object of their own, nested in the asyncio loop, and each turn of the loop serves a few of them.
Their number, the size of a request and the time for it are bounded; of too many the oldest gives way.
"""

from __future__ import annotations

import errno
import select
from time import monotonic
from typing import TYPE_CHECKING

from agent.allowed import Allowed
from agent.client import PATIENCE, Client
from vipwarden.core.result import bug

if TYPE_CHECKING:
    import socket
    from asyncio import AbstractEventLoop, TimerHandle
    from collections.abc import Callable

    from agent.client import Answer
    from agent.door import Door, Doors

_EVENTS, _ACCEPTS = 64, 32  # in one turn of the loop
_NO_MORE = (errno.EMFILE, errno.ENFILE, errno.ENOBUFS, errno.ENOMEM)
_PAUSE = 0.5  # seconds without new clients, where there are no descriptors


class Clients:
    """Serves the clients of ``doors``, at most ``most`` at once; ``answers`` are by protocol."""

    def __init__(
        self, loop: AbstractEventLoop, most: int, answers: dict[str, Answer], say: Callable[[str], None]
    ) -> None:
        self.answered = 0
        self._loop = loop
        self._most = most
        self._answers = answers
        self._say = say
        self._epoll = select.epoll()
        self._doors: dict[int, tuple[socket.socket, Door]] = {}
        self._allowed = Allowed(say)
        self._clients: dict[int, Client] = {}  # the oldest first
        self._timer: TimerHandle | None = None
        self._pause: TimerHandle | None = None
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
        self._allowed.change(doors.allow)
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
            if not self._allowed.may(peer):
                made.close()
                continue
            if len(self._clients) >= self._most:
                self._drop(next(iter(self._clients.values())))
            client = Client(made, door, peer, self._answers[door.protocol])
            if self._stays(client):
                self._clients[client.number] = client
                self._epoll.register(client.number, client.mask)
                if self._timer is None:
                    self._timer = self._loop.call_later(PATIENCE, self._expire)
            else:
                made.close()

    def _serve(self, client: Client) -> None:
        mask, answered = client.mask, client.answered
        if not self._stays(client):
            self._drop(client)
            return
        if client.mask != mask:
            self._epoll.modify(client.number, client.mask)
        if client.answered != answered:  # those that are idle for longest give way first
            client.until = monotonic() + PATIENCE
            self._clients[client.number] = self._clients.pop(client.number)

    def _stays(self, client: Client) -> bool:
        answered = client.answered
        try:
            return client.go_on()
        except Exception as error:  # noqa: BLE001 - a bug may not end up in a loop around this client
            self._say(bug(client.door.protocol, error).text)
            return False
        finally:
            self.answered += client.answered - answered

    def _drop(self, client: Client) -> None:
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
