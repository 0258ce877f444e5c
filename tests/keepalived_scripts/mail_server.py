"""A mail server as strict as a site's: STARTTLS, then a login, then a mail; it refuses what a test tells it to."""

from __future__ import annotations

import base64
import socket
import ssl
import threading
from contextlib import ExitStack, contextmanager, suppress
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path


class MailServer:
    """Where it listens, the mails it took and who logged in; ``refusals`` are answers to the next RCPT commands."""

    def __init__(self, certificate: tuple[Path, Path] | None) -> None:
        self.listener = socket.create_server(("127.0.0.1", 0))
        self.port = int(self.listener.getsockname()[1])
        self.context = None
        if certificate is not None:
            self.context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
            self.context.load_cert_chain(*certificate)
        self.mails: list[str] = []
        self.logins: list[str] = []
        self.refusals: list[bytes] = []
        self.attempts = 0

    def accept(self) -> None:
        """Serve one after the other until the listener is closed."""
        with suppress(OSError):
            while True:
                connection, _ = self.listener.accept()
                connection.settimeout(10)
                with suppress(OSError, ValueError), connection, ExitStack() as until_then:
                    self.serve(connection, until_then)

    def serve(self, connection: socket.socket, until_then: ExitStack) -> None:
        """Take part in one session."""
        connection.sendall(b"220 mail.test ESMTP\r\n")
        lines = connection.makefile("rb")
        encrypted = False
        while line := lines.readline():
            verb, _, rest = line.decode().strip().partition(" ")
            if verb.upper() in ("EHLO", "HELO"):
                offers = b"250-AUTH PLAIN\r\n" if encrypted else b"250-STARTTLS\r\n" if self.context else b""
                connection.sendall(b"250-mail.test\r\n" + offers + b"250 8BITMIME\r\n")
            elif verb.upper() == "STARTTLS" and self.context:
                connection.sendall(b"220 go on\r\n")
                connection = until_then.enter_context(self.context.wrap_socket(connection, server_side=True))
                lines = connection.makefile("rb")
                encrypted = True
            elif verb.upper() == "AUTH":
                _, user, password = base64.b64decode(rest.split()[1]).decode().split("\0")
                self.logins.append(f"{user}:{password}")
                connection.sendall(b"235 welcome\r\n" if password == "right" else b"535 no\r\n")
            elif verb.upper() == "RCPT":
                self.attempts += 1
                connection.sendall(self.refusals.pop(0) if self.refusals else b"250 fine\r\n")
            elif verb.upper() == "DATA":
                connection.sendall(b"354 go on\r\n")
                mail = b""
                while (part := lines.readline()) not in (b".\r\n", b""):
                    mail += part
                self.mails.append(mail.decode())
                connection.sendall(b"250 taken\r\n")
            elif verb.upper() == "QUIT":
                connection.sendall(b"221 bye\r\n")
                return
            else:
                connection.sendall(b"250 fine\r\n")


@contextmanager
def mail_server(certificate: tuple[Path, Path] | None = None) -> Iterator[MailServer]:
    """Run one on loopback."""
    server = MailServer(certificate)
    thread = threading.Thread(target=server.accept)
    thread.start()
    try:
        yield server
    finally:
        server.listener.shutdown(socket.SHUT_RDWR)
        server.listener.close()
        thread.join()
