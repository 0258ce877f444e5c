"""How do the clients and the services of all stages run in one thread?"""

from __future__ import annotations

import os
import select
import socket
import threading
import time
from concurrent.futures import Future
from contextlib import suppress
from heapq import heappop, heappush
from itertools import count
from queue import SimpleQueue
from typing import TYPE_CHECKING, Any, TypeVar

from rehearse.stage.space import enter

if TYPE_CHECKING:
    from collections.abc import Callable

T = TypeVar("T")
_NICE = -15  # not of the real-time classes: those hold up the kernel's own thread that delivers packets
IN, OUT = select.EPOLLIN, select.EPOLLOUT


class Loop(threading.Thread):
    """A thread that calls what belongs to a socket when it is ready, and what is due at its time."""

    def __init__(self) -> None:
        super().__init__(daemon=True)
        self._poll = select.epoll()
        self._handlers: dict[int, Callable[[], None]] = {}
        self._due: list[tuple[float, int, Callable[[], None]]] = []
        self._order = count()
        self._asked: SimpleQueue[Callable[[], None]] = SimpleQueue()
        self._wake = os.eventfd(0, os.EFD_NONBLOCK | os.EFD_CLOEXEC)
        self._poll.register(self._wake, IN)
        self._handlers[self._wake] = self._answer

    def run(self) -> None:
        """Call until the process ends. What fails with OSError, such as a peer that is gone, ends by its deadline."""
        hurry()
        while True:
            wait = max(0.0, self._due[0][0] - time.monotonic()) if self._due else 1.0
            for number, _ in self._poll.poll(wait):
                handler = self._handlers.get(number)  # an earlier one of this round may have closed it
                if handler is not None:
                    with suppress(OSError):
                        handler()
            now = time.monotonic()
            while self._due and self._due[0][0] <= now:
                with suppress(OSError):
                    heappop(self._due)[2]()

    def ask(self, what: Callable[[], T]) -> T:
        """Let the thread call something, and return what comes of it."""
        said: Future[T] = Future()

        def call() -> None:
            try:
                said.set_result(what())
            except Exception as error:  # noqa: BLE001 - it is raised where it was asked
                said.set_exception(error)

        self._asked.put(call)
        os.eventfd_write(self._wake, 1)
        return said.result()

    def at(self, when: float, what: Callable[[], None]) -> None:
        """Call something at a time of time.monotonic()."""
        heappush(self._due, (when, next(self._order), what))

    def watch(self, sock: socket.socket, events: int, handler: Callable[[], None]) -> None:
        """Call something when a socket is ready, in place of what was called before."""
        known = sock.fileno() in self._handlers
        self._handlers[sock.fileno()] = handler
        (self._poll.modify if known else self._poll.register)(sock.fileno(), events)

    def leave(self, sock: socket.socket) -> None:
        """Watch a socket no more."""
        if self._handlers.pop(sock.fileno(), None) is not None:
            self._poll.unregister(sock.fileno())

    def close(self, sock: socket.socket) -> None:
        """Close a socket."""
        self.leave(sock)
        sock.close()

    def _answer(self) -> None:
        os.eventfd_read(self._wake)
        while not self._asked.empty():
            self._asked.get()()


def hurry() -> None:
    """Let this thread come before what else the machine does: it takes little, and measures."""
    with suppress(OSError):
        os.setpriority(os.PRIO_PROCESS, threading.get_native_id(), _NICE)


def open_in(space: str, *kind: Any) -> socket.socket:
    """Return a socket of a network namespace that does not block; raises OSError."""
    enter(space)
    sock = socket.socket(*kind)
    sock.setblocking(False)
    return sock
