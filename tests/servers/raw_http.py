"""A server that answers each path with exactly the bytes, pauses and endings that a test wrote down."""

from __future__ import annotations

import socket
import ssl
import struct
import threading
from contextlib import contextmanager, suppress
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from pathlib import Path

HANG = "hang"  # say no more, and keep the connection open until the client leaves
RESET = "reset"  # end with RST in place of FIN
DRIP = "drip"  # a byte each 20 ms for as long as the client stays

Step = bytes | float | str
NO_PAGE: tuple[Step, ...] = (b"HTTP/1.1 400 Bad Request\r\nContent-Length: 0\r\n\r\n",)


class RawHttp:
    """Where it listens, and the requests that came, in their order."""

    def __init__(self, listener: socket.socket, context: ssl.SSLContext | None) -> None:
        self.listener = listener
        self.context = context
        self.requests: list[bytes] = []
        self.names: list[str | None] = []
        self.pages: Mapping[str, tuple[Step, ...]] = {}
        self.closing = threading.Event()

    @property
    def port(self) -> str:
        """The port, as a command line has it."""
        return str(self.listener.getsockname()[1])

    def accept(self) -> None:
        """Serve until the listener is closed, each connection in a thread of its own."""
        workers = []
        with suppress(OSError):
            while True:
                connection, _ = self.listener.accept()
                worker = threading.Thread(target=self.serve, args=(connection,))
                worker.start()
                workers.append(worker)
        for worker in workers:
            worker.join()

    def serve(self, connection: socket.socket) -> None:
        """Read one request and take the steps of its path."""
        with suppress(OSError), connection:
            connection.settimeout(20)
            connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            if self.context is not None:
                connection = self.context.wrap_socket(connection, server_side=True)
            with connection:
                request = connection.recv(65536)
                if not request:  # a client that only looked whether the port is open
                    return
                self.requests.append(request)
                path = b"".join(request.split(b" ")[1:2]).decode("latin-1")
                for step in self.pages.get(path, NO_PAGE):
                    self.take(connection, step)
                if isinstance(connection, ssl.SSLSocket):
                    connection.unwrap()

    def take(self, connection: socket.socket, step: Step) -> None:
        """Take one step of an answer."""
        if isinstance(step, bytes):
            connection.sendall(step)
        elif isinstance(step, float):
            self.closing.wait(step)
        elif step == HANG:
            connection.recv(1)
        elif step == DRIP:
            while not self.closing.wait(0.02):
                connection.sendall(b"x")
        elif step == RESET:
            connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            connection.close()


@contextmanager
def raw_http(
    pages: Mapping[str, tuple[Step, ...]], host: str = "127.0.0.1", certificate: tuple[Path, Path] | None = None
) -> Iterator[RawHttp]:
    """Serve ``pages``, by path, on a free port of ``host``; with TLS where a certificate and its key are given."""
    context = None
    if certificate is not None:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(*certificate)
    listener = socket.create_server((host, 0), family=socket.AF_INET6 if ":" in host else socket.AF_INET)
    server = RawHttp(listener, context)
    server.pages = pages
    if context is not None:
        context.sni_callback = lambda _socket, name, _context: server.names.append(name)
    thread = threading.Thread(target=server.accept)
    thread.start()
    try:
        yield server
    finally:
        server.closing.set()
        listener.shutdown(socket.SHUT_RDWR)
        listener.close()
        thread.join()
