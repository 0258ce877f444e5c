"""What can slow, large and many clients do? Nothing to the others: all of it by raw sockets."""

from __future__ import annotations

import socket
import time
from contextlib import closing, suppress
from typing import TYPE_CHECKING

import pytest

from exporter.http.answers import HEALTHY
from tests.exporter.running import nowhere, request, serving

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

from tests.exporter.http.client import GET, HURRIED, connect, drip, rest, send, status, until_healthy


def test_a_header_that_drips_is_cut_off(tmp_path: Path) -> None:
    """With 408, by one deadline for the whole of it."""

    def work(port: int) -> tuple[float, bytes]:
        with connect(port) as sock:
            seconds = drip(sock, GET + b"X: " + b"x" * 100, 0.02)
            sock.settimeout(60)
            return seconds, rest(sock)

    seconds, answer = serving(nowhere(tmp_path), work, limits=HURRIED)
    assert 0.25 < seconds < 2
    assert status(answer) == 408
    assert b"Server: vipwarden\r\n" in answer


def test_a_connection_without_a_word_is_closed(tmp_path: Path) -> None:
    """Without an answer, since nothing was asked."""

    def work(port: int) -> bytes:
        with connect(port) as sock:
            return rest(sock)

    assert serving(nowhere(tmp_path), work, limits=HURRIED) == b""


def test_a_connection_is_kept_for_the_next_request_and_not_for_ever(tmp_path: Path) -> None:
    """The second request has its own deadline for its header."""

    def work(port: int) -> tuple[int, int, bytes]:
        with connect(port) as sock:
            sock.sendall(GET + b"\r\n")
            first = until_healthy(sock)
            sock.sendall(GET)
            time.sleep(0.1)
            sock.sendall(b"\r\n")
            second = until_healthy(sock)
            return status(first), status(second), rest(sock)

    assert serving(nowhere(tmp_path), work, limits=HURRIED) == (200, 200, b"")


def _endless_header() -> Iterator[bytes]:
    yield GET
    for number in range(100):
        yield b"".join(b"X-%d-%d: %s\r\n" % (number, line, b"x" * 1000) for line in range(1000))


def _endless_line() -> Iterator[bytes]:
    yield b"GET /"
    for _ in range(100):
        yield b"a" * (1 << 20)


@pytest.mark.parametrize("words", [_endless_header, _endless_line])
def test_a_hundred_megabytes_of_header_are_not_read(tmp_path: Path, words: object) -> None:
    """The connection is over after some kilobytes, with an answer where the client listens."""
    assert callable(words)

    def work(port: int) -> tuple[int, int]:
        sent = 0
        with connect(port) as sock, suppress(ConnectionError):
            for piece in words():
                sock.sendall(piece)
                sent += len(piece)
        return sent, request(port, "/-/healthy").status

    sent, healthy = serving(nowhere(tmp_path), work)
    assert sent < 20 << 20  # what the kernel's buffers took
    assert healthy == 200


@pytest.mark.parametrize(
    ("words", "answer"),
    [
        (b"GET /" + b"a" * 5000 + b" HTTP/1.1\r\nHost: localhost\r\n\r\n", 414),
        (b"GET /" + b"a" * 9000 + b" HTTP/1.1\r\nHost: localhost\r\n\r\n", 400),
        (GET + b"X: " + b"x" * 9000 + b"\r\n\r\n", 400),
        (GET + b"".join(b"X-%d: %s\r\n" % (line, b"x" * 400) for line in range(100)) + b"\r\n", 431),
        (GET + b"Content-Length: 5\r\n\r\nhello", 413),
        (GET + b"Transfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\n\r\n", 413),
        (GET + b"Content-Length: 1000000000\r\nExpect: 100-continue\r\n\r\n", 413),
        (GET + b"Content-Length: 0\r\n\r\n", 200),
        (b"POST /metrics HTTP/1.1\r\nHost: localhost\r\nContent-Length: 5\r\n\r\nhello", 405),
        (b"OPTIONS * HTTP/1.1\r\nHost: localhost\r\n\r\n", 405),
        (b"TRACE / HTTP/1.1\r\nHost: localhost\r\n\r\n", 405),
        (b"CONNECT localhost:80 HTTP/1.1\r\nHost: localhost\r\n\r\n", 405),
        (b"DELETE /metrics HTTP/1.1\r\nHost: localhost\r\n\r\n", 405),
        (b"GET /-/healthy HTTP/1.0\r\n\r\n", 200),
        (b"GET /-/healthy HTTP/1.1\r\nHost: [::1\r\n\r\n", 421),
        (b"GET /-/healthy HTTP/1.1\r\nHost: \xff\r\n\r\n", 421),
        (b"GET /-/healthy?%ff=%00&;=&& HTTP/1.1\r\nHost: localhost\r\n\r\n", 200),
        (b"GET /metrics?collect[]=%ff HTTP/1.1\r\nHost: localhost\r\n\r\n", 400),
        (b"GET //-/healthy HTTP/1.1\r\nHost: localhost\r\n\r\n", 404),
        (b"GET /%2e%2e/etc/passwd HTTP/1.1\r\nHost: localhost\r\n\r\n", 404),
        (b"GET / HTTP/9.9\r\n\r\n", 400),
        (b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03\r\n\r\n", 400),
        (b"nonsense\r\n\r\n", 400),
        (GET + b"Content-Length: -1\r\n\r\n", 400),
        (GET + b"Content-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n", 400),
        (GET + b" folded: header\r\n\r\n", 400),
        (GET + b"X: \x00\r\n\r\n", 400),
    ],
)
def test_odd_requests_are_answered_and_no_version_is_told(tmp_path: Path, words: bytes, answer: int) -> None:
    """Nothing of it is logged either, which anyone could fill a disk by."""
    said: list[str] = []

    def work(port: int) -> bytes:
        return send(port, words)

    found = serving(nowhere(tmp_path), work, say=said.append)
    assert status(found) == answer
    header = found.partition(b"\r\n\r\n")[0].lower()
    assert b"server: vipwarden\r\n" in header
    assert b"aiohttp" not in found.lower()
    assert b"python" not in found.lower()
    assert said == []
    if answer == 405:
        assert b"allow: get, head\r\n" in header


def test_requests_that_come_together_are_answered_in_turn(tmp_path: Path) -> None:
    """HTTP/1.1 lets a client send the next one before the answer."""
    found = serving(nowhere(tmp_path), lambda port: send(port, (GET + b"\r\n") * 20))
    assert found.count(HEALTHY) == 20


def test_a_client_that_ends_between_two_answers_gets_all_of_them(tmp_path: Path) -> None:
    """Whichever answer it has then."""

    def work(port: int) -> list[int]:
        counts = []
        for number in range(20):
            with closing(connect(port)) as sock:
                sock.sendall((GET + b"\r\n") * 20)
                data = b""
                while data.count(HEALTHY) < number:
                    data += sock.recv(4096)
                sock.shutdown(socket.SHUT_WR)
                counts.append((data + rest(sock)).count(HEALTHY))
        return counts

    assert serving(nowhere(tmp_path), work) == [20] * 20


def test_a_busy_node_leaves_none_of_them_out(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Though it comes to the next one after the time in which a client that has ended is given up."""
    monkeypatch.setattr("exporter.http.connection._LAST", 0)
    found = serving(nowhere(tmp_path), lambda port: send(port, (GET + b"\r\n") * 20))
    assert found.count(HEALTHY) == 20
