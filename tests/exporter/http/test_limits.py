"""What can slow, large and many clients do? Nothing to the others: all of it by raw sockets."""

from __future__ import annotations

import asyncio
import socket
import threading
import time
from contextlib import ExitStack, closing, suppress
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from exporter.http import server
from exporter.http.answers import HEALTHY
from exporter.http.front import MOST_BODIES
from exporter.http.gate import Limits
from exporter.page import Page
from exporter.render.exposition import Family
from exporter.settings import Many
from exporter.source import Source
from tests.exporter.running import nowhere, port_of, request, serving

if TYPE_CHECKING:
    from collections.abc import Iterator

    from exporter.settings import Settings

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


def test_the_silent_give_way_where_there_are_too_many(tmp_path: Path) -> None:
    """Those who wait longest first; who asks at once is served."""
    known = nowhere(tmp_path, max_connections=Many("10"))

    def work(port: int) -> tuple[list[int], int]:
        with ExitStack() as stack:
            silent = [stack.enter_context(closing(connect(port))) for _ in range(10)]
            answers = [request(port, "/-/healthy").status for _ in range(30)]
            ended = 0
            for one in silent:
                one.settimeout(0.05)
                with suppress(TimeoutError):
                    ended += rest(one) == b""
            return answers, ended

    answers, ended = serving(known, work)
    assert answers == [200] * 30
    assert 1 <= ended <= 10


@pytest.fixture
def slow(monkeypatch: pytest.MonkeyPatch) -> Iterator[threading.Event]:
    """Let the only collector wait for an event."""
    release = threading.Event()

    def hang(_: Settings) -> None:
        release.wait(10)

    monkeypatch.setattr(server, "sources", lambda: (Source("slow", hang, lambda _: ()),))
    yield release
    release.set()


def test_who_is_answered_gives_way_to_nobody(tmp_path: Path, slow: threading.Event) -> None:
    """One more is told to come again."""

    async def run() -> tuple[bytes, list[int]]:
        exporter = await server.start(nowhere(tmp_path, max_connections=Many("4")))
        port = port_of(exporter)
        try:
            busy = [await asyncio.open_connection("127.0.0.1", port) for _ in range(4)]
            for _, writer in busy:
                writer.write(b"GET /metrics HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n")
            while [one.is_busy for one in exporter._gate.open] != [True] * 4:  # noqa: ASYNC110 - it tells nobody
                await asyncio.sleep(0.01)
            reader, writer = await asyncio.open_connection("127.0.0.1", port)
            refused = await reader.read()
            slow.set()
            answers = [status(await reader.read()) for reader, _ in busy]
            for _, one in [*busy, (reader, writer)]:
                one.close()
            return refused, answers
        finally:
            await exporter.cleanup()

    refused, answers = asyncio.run(run())
    assert refused.startswith(b"HTTP/1.1 503 Service Unavailable\r\nServer: vipwarden\r\n")
    assert answers == [200] * 4


def test_no_more_scrapes_at_once_than_allowed(tmp_path: Path, slow: threading.Event) -> None:
    """The health is told beside them."""
    known = nowhere(tmp_path, max_scrapes=Many("3"))

    def work(port: int) -> tuple[list[int], int, int]:
        with ExitStack() as stack:
            asking = [stack.enter_context(closing(connect(port))) for _ in range(10)]
            for one in asking:
                one.sendall(b"GET /metrics HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n")
            refused = [one for one in asking if _refused(one)]
            healthy = request(port, "/-/healthy").status
            slow.set()
            answers = sorted(status(rest(one)) for one in asking if one not in refused)
            return answers, len(refused), healthy

    assert serving(known, work) == ([200] * 3, 7, 200)


def _refused(sock: socket.socket) -> bool:
    sock.settimeout(0.3)
    try:
        return status(sock.recv(64)) == 503
    except TimeoutError:
        sock.settimeout(60)
        return False


def test_who_does_not_read_the_answer_is_given_up(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The others have long got theirs, and the log has nothing of it."""
    family = Family("large", "gauge", "Much.", ("number",))
    for number in range(300000):
        family.add(1, str(number))
    monkeypatch.setattr(server, "sources", lambda: (Source("large", lambda _: None, lambda _: [family]),))
    said: list[str] = []

    def work(port: int) -> tuple[int, int]:
        with connect(port) as sock:
            sock.sendall(b"GET /metrics HTTP/1.1\r\nHost: localhost\r\n\r\n")
            sock.recv(1)
            other = request(port, "/metrics")
            assert other.headers["Content-Length"] == str(len(other.body))
            until_closed(port, sock.getsockname()[1])
            return len(other.body), len(rest(sock))

    whole, read = serving(nowhere(tmp_path), work, limits=HURRIED, say=said.append)
    assert read < whole
    assert said == []


def until_closed(port: int, peer: int) -> None:
    """Wait until this process has closed its end of a connection."""
    deadline = time.monotonic() + 60
    wanted = f":{port:04X} 0100007F:{peer:04X} 01"  # ESTABLISHED
    while wanted in Path("/proc/net/tcp").read_text():
        assert time.monotonic() < deadline
        time.sleep(0.01)


@pytest.fixture
def large(monkeypatch: pytest.MonkeyPatch) -> Family:
    """Make answers larger than what a connection that is not read takes."""
    family = Family("large", "gauge", "Much.", ("number",))
    for number in range(200000):
        family.add(1, str(number))
    monkeypatch.setattr(server, "sources", lambda: (Source("large", lambda _: None, lambda _: [family]),))
    return family


def unread(port: int, stack: ExitStack, path: str = "/metrics") -> socket.socket:
    """Ask on a connection, read the first byte of the answer, and no more."""
    sock = stack.enter_context(closing(socket.socket()))
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
    sock.settimeout(20)
    sock.connect(("127.0.0.1", port))
    sock.sendall(f"GET {path} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n".encode())
    return sock


def test_clients_that_do_not_read_keep_nobody_out(tmp_path: Path, large: Family) -> None:
    """More of them than may ask at once, and then more than there may be connections."""
    known = nowhere(tmp_path, max_scrapes=Many("8"), max_connections=Many("24"))

    def work(port: int) -> list[int]:
        with ExitStack() as stack:
            stuck = [unread(port, stack) for _ in range(8)]
            for one in stuck:
                assert one.recv(12) == b"HTTP/1.1 200"
            answers = [request(port, "/metrics").status]
            for _ in range(4):
                stuck = [unread(port, stack) for _ in range(4)]
                for one in stuck:
                    assert one.recv(12) == b"HTTP/1.1 200"
            time.sleep(0.3)  # as long as a slow reader may be
            return [*answers, *(request(port, "/metrics").status for _ in range(3))]

    said: list[str] = []
    limits = Limits(unhurried=0.2)
    assert serving(known, work, limits=limits, say=said.append) == [200] * 4
    assert said == []


def test_few_texts_are_in_memory_whoever_does_not_read_them(tmp_path: Path, large: Family) -> None:
    """Those who began with the oldest give way; who asks for the same text in time shares it."""

    def work(port: int) -> tuple[int, int]:
        with ExitStack() as stack:
            stuck = []
            for _ in range(MOST_BODIES + 4):  # one after the other: each has a collection of its own
                stuck.append(unread(port, stack))
                assert stuck[-1].recv(12) == b"HTTP/1.1 200"
            whole = len(request(port, "/metrics").body)
            return sum(len(rest(one)) >= whole for one in stuck), whole

    kept, whole = serving(nowhere(tmp_path), work)
    assert whole > 3e6
    assert kept <= MOST_BODIES


def test_searches_of_the_page_keep_no_scrape_out(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """However slowly they are written, one after the other; and no more wait for that than some."""
    begun, go_on = threading.Event(), threading.Event()

    def slowly(*_: object) -> bytes:
        begun.set()
        assert go_on.wait(20)
        return b"page"

    monkeypatch.setattr(Page, "write", slowly)

    def work(port: int) -> tuple[list[int], int, list[int]]:
        with ExitStack() as stack:
            searches = [stack.enter_context(closing(connect(port))) for _ in range(10)]
            for number, one in enumerate(searches):
                one.sendall(f"GET /?find={number} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n".encode())
            assert begun.wait(20)
            scrapes = [request(port, "/metrics").status for _ in range(3)]
            refused = [one for one in searches if _refused(one)]
            go_on.set()
            return scrapes, len(refused), [status(rest(one)) for one in searches if one not in refused]

    known = nowhere(tmp_path, max_scrapes=Many("16"))
    assert serving(known, work) == ([200] * 3, 6, [200] * 4)
