"""Somebody else's server that a webhook is posted to, in the mood that a test wants."""

from __future__ import annotations

import json
import socket
import struct
import threading
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterator

RESET, SILENT, DRIPPING = -1, -2, -3


class Webhook(ThreadingHTTPServer):
    """Its ``mood`` is the status to answer with, RESET, SILENT or DRIPPING; ``posts`` are path, token and JSON of each.

    The first ones are met with ``moods``, one after the other.
    """

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.mood = 204
        self.moods: list[int] = []
        self.posts: list[tuple[str, str | None, dict[str, Any]]] = []
        self.closing = threading.Event()

    @property
    def states(self) -> list[str]:
        """The states that were posted."""
        return [data["state"] for _, _, data in self.posts]


class _Handler(BaseHTTPRequestHandler):
    server: Webhook

    def do_POST(self) -> None:
        """Take a post."""
        data = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        mood = self.server.moods.pop(0) if self.server.moods else self.server.mood
        self.server.posts.append((self.path, self.headers["Authorization"], data))
        if mood == RESET:
            self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        elif mood == SILENT:
            self.server.closing.wait(10)
        elif mood == DRIPPING:
            self.wfile.write(b"HTTP/1.1 204 No Content\r\n")
            while not self.server.closing.wait(0.05):
                self.wfile.write(b"X: y\r\n")
        else:
            self.send_response(mood)
            if mood in (301, 302, 307):
                self.send_header("Location", "/other")
            self.end_headers()

    def do_GET(self) -> None:
        """Be where a redirection leads to."""
        self.server.posts.append((self.path, None, {"state": "redirected"}))
        self.send_error(404)

    def log_message(self, *_: object) -> None:
        """Keep the test's output free."""


@contextmanager
def webhook() -> Iterator[Webhook]:
    """Run one on loopback."""
    with Webhook() as server:
        thread = threading.Thread(target=server.serve_forever, args=(0.02,))
        thread.start()
        try:
            yield server
        finally:
            server.closing.set()
            server.shutdown()
            thread.join()
