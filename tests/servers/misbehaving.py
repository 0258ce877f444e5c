"""Servers as they are on a bad day: real sockets on loopback, each a context manager that yields a Server.

A Server has ``host``, ``port`` and ``path`` for the command line of a check, counts the connections it
``accepted``, and treats each by ``behave``, which a test may change while it runs.
"""

from __future__ import annotations

import contextlib
import select
import socket
import struct
import threading
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from typing import TypeAlias

    Behaviour: TypeAlias = Callable[["Server", socket.socket], None]


class Server:
    """A listener on loopback, on any free port or at the path of a unix socket."""

    def __init__(self, behave: Behaviour, address: str = "127.0.0.1", port: int = 0) -> None:
        self.behave = behave
        self.family = (
            socket.AF_UNIX if address.startswith("/") else socket.AF_INET6 if ":" in address else socket.AF_INET
        )
        self.sock = socket.socket(self.family, socket.SOCK_STREAM)
        if self.family == socket.AF_UNIX:
            self.sock.bind(address)
        else:
            self.sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            self.sock.bind((address, port))
        self.host = self.path = address
        self.port = 0 if self.family == socket.AF_UNIX else int(self.sock.getsockname()[1])
        self.sock.listen(128)
        self.accepted = 0
        self.asked = threading.Event()  # set by each connection
        self.stopped = threading.Event()
        self._threads: list[threading.Thread] = []

    def __enter__(self) -> Server:
        self._wake, self._waker = socket.socketpair()
        self._spawn(self._accept)
        return self

    def __exit__(self, *_: object) -> None:
        self.stopped.set()
        self._waker.close()
        for thread in self._threads:  # the first is the one that starts the others
            thread.join()
        self._wake.close()
        self.sock.close()

    def _spawn(self, work: Callable[[], None]) -> None:
        self._threads.append(threading.Thread(target=work))
        self._threads[-1].start()

    def _accept(self) -> None:
        while self._wake not in select.select([self.sock, self._wake], [], [])[0]:
            client = self.sock.accept()[0]
            self.accepted += 1
            self.asked.set()
            self._spawn(lambda client=client: self._serve(client))  # type: ignore[misc]

    def _serve(self, client: socket.socket) -> None:
        with client, contextlib.suppress(OSError):
            self.behave(self, client)


def hold(server: Server, client: socket.socket) -> None:
    """Keep the connection and wait for its other end to leave, or for the end of the test."""
    client.settimeout(0.02)
    while not server.stopped.is_set():
        with contextlib.suppress(TimeoutError):
            if not client.recv(4096):
                return


def answer(data: bytes) -> Behaviour:
    """Say ``data`` at once and keep the connection."""

    def behave(server: Server, client: socket.socket) -> None:
        client.sendall(data)
        hold(server, client)

    return behave


def drip(data: bytes = b"x" * 600, pause: float = 1.0) -> Behaviour:
    """Say ``data`` a byte at a time."""

    def behave(server: Server, client: socket.socket) -> None:
        for byte in data:
            client.sendall(bytes([byte]))
            if server.stopped.wait(pause):
                return

    return behave


def pour(server: Server, client: socket.socket) -> None:
    """Send for ever."""
    client.settimeout(0.2)
    while not server.stopped.is_set():
        with contextlib.suppress(TimeoutError):
            client.sendall(b"never enough " * 500)


def reset(_server: Server, client: socket.socket) -> None:
    """Cut the connection off with a RST."""
    client.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))


def hang_up(_server: Server, _client: socket.socket) -> None:
    """Close the connection without a word."""


def echo(_server: Server, client: socket.socket) -> None:
    """Say back what was said, once."""
    client.sendall(client.recv(65536))


def wait_and_answer(seconds: float, data: bytes) -> Behaviour:
    """Say ``data`` only after so many seconds."""

    def behave(server: Server, client: socket.socket) -> None:
        if not server.stopped.wait(seconds):
            answer(data)(server, client)

    return behave


def listening() -> Server:
    """Serve healthily: accept and wait."""
    return Server(hold)


def mute() -> Server:
    """Accept and say nothing, which for a port without anything expected is healthy."""
    return Server(hold)


def greeting() -> Server:
    """Greet as an SSH server does."""
    return Server(answer(b"SSH-2.0-Test\r\n"))


def binary() -> Server:
    """Send what no text holds, with a pipe and a newline that could break a plugin's line."""
    return Server(answer(b"\x00\xff|\n' evil=1;;;; \x1b[31m\x9b"))


def dripping() -> Server:
    """Send a byte a second."""
    return Server(drip())


def endless() -> Server:
    """Never stop sending."""
    return Server(pour)


def resetting() -> Server:
    """Accept and reset."""
    return Server(reset)


def leaving() -> Server:
    """Accept and close."""
    return Server(hang_up)


def late() -> Server:
    """Greet after a quarter of a second."""
    return Server(wait_and_answer(0.25, b"SSH-2.0-Test\r\n"))


@contextlib.contextmanager
def closed(address: str = "127.0.0.1") -> Iterator[Server]:
    """Hold a port where nobody listens, so that nobody else comes to listen there meanwhile."""
    server = Server(hold, address)
    server.sock.close()
    server.sock = socket.socket(server.family, socket.SOCK_STREAM)
    server.sock.bind((address, server.port))
    with server.sock:
        yield server


@contextlib.contextmanager
def full_backlog(address: str = "127.0.0.1", port: int = 0) -> Iterator[Server]:
    """Listen with a full backlog: the kernel drops each SYN, as a filter does; a unix socket says EAGAIN."""
    server = Server(hold, address, port)
    server.sock.listen(0)
    with server.sock, contextlib.ExitStack() as fillers:
        for _ in range(4):
            filler = fillers.enter_context(socket.socket(server.family, socket.SOCK_STREAM))
            filler.setblocking(False)
            filler.connect_ex(server.sock.getsockname())
        yield server
