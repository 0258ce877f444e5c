"""Ask an agent at its doors, as HAProxy and load balancers do."""

from __future__ import annotations

import socket
from contextlib import suppress


def ask(port: int, data: bytes = b"", source: str = "127.0.0.1", seconds: float = 60) -> bytes:
    """Return what a door answers, an empty text where it closes."""
    with socket.create_connection(("127.0.0.1", port), seconds, (source, 0)) as sock, suppress(ConnectionError):
        sock.sendall(data)
        return b"".join(iter(lambda: sock.recv(65536), b""))
    return b""


def get(port: int, target: str, method: str = "GET", *fields: str) -> tuple[int, dict[str, str], str]:
    """Return status, header fields and body of an answer."""
    lines = [f"{method} {target} HTTP/1.1", "Host: lb1", "Connection: close", *fields]
    head, _, body = ask(port, "".join(f"{line}\r\n" for line in (*lines, "")).encode()).decode().partition("\r\n\r\n")
    status, *rest = head.split("\r\n")
    return int(status.split()[1]), dict(line.lower().split(": ", 1) for line in rest), body
