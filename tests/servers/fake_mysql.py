"""What no installable server does: the server side of caching_sha2_password, and servers that misbehave.

The tests log PyMySQL in to the same caching_sha2_password, to know that it is faithful.
"""

from __future__ import annotations

import hashlib
import socket
import threading
from contextlib import contextmanager, suppress
from typing import TYPE_CHECKING

from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import padding, rsa

if TYPE_CHECKING:
    import ssl
    from collections.abc import Callable, Iterator

NONCE = b"0123456789abcdefghij"
CACHING = b"caching_sha2_password"
OK = b"\0\0\0\2\0\0\0"
DENIED = b"\xff\x15\x04#28000Access denied for user"
_SSL = 0x800


class Connection:
    """The server's side of one connection."""

    def __init__(self, sock: socket.socket) -> None:
        self.sock = sock
        self.sequence = 0

    def write(self, payload: bytes) -> None:
        """Send a packet."""
        self.sock.sendall(len(payload).to_bytes(3, "little") + bytes((self.sequence,)) + payload)
        self.sequence += 1

    def read(self) -> bytes:
        """Return the next packet; raises EOFError at the end."""
        header = self._exactly(4)
        self.sequence = header[3] + 1
        return self._exactly(int.from_bytes(header[:3], "little"))

    def rest(self) -> bytes:
        """Return all that comes until the client leaves."""
        data = b""
        with suppress(OSError):
            while more := self.sock.recv(65536):
                data += more
        return data

    def _exactly(self, size: int) -> bytes:
        data = b""
        while len(data) < size:
            more = self.sock.recv(size - len(data))
            if not more:
                raise EOFError
            data += more
        return data


def greeting(plugin: bytes = CACHING, tls: bool = False, version: bytes = b"8.0.36") -> bytes:
    """Return the greeting of a server."""
    flags = 0x8A208 | 0x1 | (_SSL if tls else 0)
    low, high = (flags & 0xFFFF).to_bytes(2, "little"), (flags >> 16).to_bytes(2, "little")
    head = b"\x0a" + version + b"\0" + bytes(4) + NONCE[:8] + b"\0" + low + b"\xff\2\0" + high
    return head + b"\x15" + bytes(10) + NONCE[8:] + b"\0" + plugin + b"\0"


@contextmanager
def serve(handle: Callable[[Connection], None], path: str = "") -> Iterator[int]:
    """Accept connections on a free port, or a unix socket, and hand each to a thread; yields the port."""
    family = socket.AF_UNIX if path else socket.AF_INET
    with socket.socket(family) as listener:
        listener.bind(path or ("127.0.0.1", 0))
        listener.listen()

        def work(sock: socket.socket) -> None:
            connection = Connection(sock)
            try:
                handle(connection)
            except (EOFError, OSError):
                pass  # the client has left
            finally:
                connection.sock.close()

        def accept() -> None:
            with suppress(OSError):
                while True:
                    threading.Thread(target=work, args=(listener.accept()[0],), daemon=True).start()

        thread = threading.Thread(target=accept, daemon=True)
        thread.start()
        try:
            yield 0 if path else listener.getsockname()[1]
        finally:
            listener.shutdown(socket.SHUT_RDWR)
            thread.join()


class CachingSha2:
    """MySQL 8 with one account; ``answers`` holds what clients sent when it asked for the password in full."""

    def __init__(
        self, password: bytes, cached: bool, context: ssl.SSLContext | None = None, local: bool = False
    ) -> None:
        self.password = password
        self.cached = cached
        self.context = context
        self.local = local
        self.answers: list[bytes] = []
        self.key = rsa.generate_private_key(65537, 2048)

    def __call__(self, connection: Connection) -> None:
        """Serve one connection."""
        connection.write(greeting(tls=self.context is not None))
        login = connection.read()
        encrypted = bool(int.from_bytes(login[:4], "little") & _SSL)
        if encrypted:
            assert self.context is not None
            connection.sock = self.context.wrap_socket(connection.sock, server_side=True)
            login = connection.read()
        _, _, rest = login[32:].partition(b"\0")
        if not self._accept(connection, rest[1 : 1 + rest[0]], encrypted or self.local):
            connection.write(DENIED)
            return
        connection.write(OK)
        while connection.read() != b"\1":  # a ping, or what PyMySQL sets for the session
            connection.write(OK)

    def _accept(self, connection: Connection, answer: bytes, secure: bool) -> bool:
        once = hashlib.sha256(self.password).digest()
        mask = hashlib.sha256(hashlib.sha256(once).digest() + NONCE).digest()
        if answer in (b"", b"\0"):
            return not self.password
        if self.cached and answer == bytes(a ^ b for a, b in zip(once, mask, strict=True)):
            connection.write(b"\1\3")
            return True
        connection.write(b"\1\4")
        self.answers.append(connection.read())
        if secure:
            return self.answers[-1] == self.password + b"\0"
        if self.answers[-1] != b"\2":
            return False
        public = self.key.public_key()
        form = serialization.PublicFormat.SubjectPublicKeyInfo
        connection.write(b"\1" + public.public_bytes(serialization.Encoding.PEM, form))
        oaep = padding.OAEP(padding.MGF1(hashes.SHA1()), hashes.SHA1(), None)
        masked = self.key.decrypt(connection.read(), oaep)
        nonce = NONCE * (len(masked) // 20 + 1)
        return bytes(a ^ b for a, b in zip(masked, nonce, strict=False)) == self.password + b"\0"
