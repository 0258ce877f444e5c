"""A client of the exporter that speaks byte by byte."""

from __future__ import annotations

import socket
import time
from contextlib import suppress

from exporter.http.answers import HEALTHY
from exporter.http.gate import Limits

HURRIED = Limits(header=0.3, idle=0.3, send=0.3)
GET = b"GET /-/healthy HTTP/1.1\r\nHost: localhost\r\n"


def connect(port: int) -> socket.socket:
    """Open a connection."""
    return socket.create_connection(("127.0.0.1", port), 10)


def rest(sock: socket.socket) -> bytes:
    """Return all that comes until the other side closes."""
    found = b""
    with suppress(ConnectionError):
        while more := sock.recv(65536):
            found += more
    return found


def until_healthy(sock: socket.socket) -> bytes:
    """Return one answer on a connection that is kept."""
    found = b""
    while not found.endswith(HEALTHY):
        more = sock.recv(65536)
        assert more
        found += more
    return found


def send(port: int, words: bytes) -> bytes:
    """Return what is answered to these words, up to the end of the connection."""
    with connect(port) as sock:
        with suppress(ConnectionError):
            sock.sendall(words)
        sock.shutdown(socket.SHUT_WR)
        return rest(sock)


def status(answer: bytes) -> int:
    """Return the status of an answer."""
    return int(answer.split(b" ")[1]) if answer else 0


def drip(sock: socket.socket, words: bytes, seconds: float) -> float:
    """Send byte by byte until the other side has enough; return how long that took."""
    begun = time.monotonic()
    sock.settimeout(seconds)
    for byte in words:
        try:
            sock.send(bytes([byte]))
            sock.recv(1, socket.MSG_PEEK)
            break
        except TimeoutError:
            continue
        except ConnectionError:
            break
    return time.monotonic() - begun
