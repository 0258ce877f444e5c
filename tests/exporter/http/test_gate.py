"""Who gives way where there are too many connections, scrapes or answers that nobody reads?"""

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
from tests.exporter.http.client import HURRIED, connect, rest, status


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


def test_many_who_look_at_one_page_have_it_written_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """However slowly: who comes meanwhile gets the same, and none is refused."""
    begun, go_on, written = threading.Event(), threading.Event(), []

    def slowly(*_: object) -> bytes:
        begun.set()
        assert go_on.wait(20)
        written.append(1)
        return b"page"

    monkeypatch.setattr(Page, "write", slowly)

    def work(port: int) -> tuple[list[int], int]:
        with ExitStack() as stack:
            lookers = [stack.enter_context(closing(connect(port))) for _ in range(6)]
            for number, one in enumerate(lookers):
                one.sendall(b"GET / HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n")
                assert number or begun.wait(20)
            assert not [one for one in lookers if _refused(one)]
            go_on.set()
            return [status(rest(one)) for one in lookers], len(written)

    assert serving(nowhere(tmp_path, max_scrapes=Many("16")), work) == ([200] * 6, 1)
