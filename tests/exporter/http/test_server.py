"""How does the exporter answer over HTTP?"""

from __future__ import annotations

import asyncio
import http.client
import socket
import threading
from typing import TYPE_CHECKING

import pytest

from exporter.http import server
from exporter.http.answers import HEALTHY
from exporter.http.server import ListenError, start
from exporter.source import Source
from tests.exporter.running import Answer, ask, nowhere, port_of, request, serving
from vipwarden.core.listen import Listen

if TYPE_CHECKING:
    from pathlib import Path

    from exporter.settings import Settings


def test_each_path_answers(tmp_path: Path) -> None:
    """With its type, also on a node that has nothing."""
    page, metrics, healthy, ready, style, script, icon = ask(
        nowhere(tmp_path),
        "/",
        "/metrics",
        "/-/healthy",
        "/-/ready",
        "/static/page.css",
        "/static/page.js",
        "/static/icon.svg",
    )
    assert {one.status for one in (page, metrics, healthy, ready, style, script, icon)} == {200}
    assert page.headers["Content-Type"] == "text/html; charset=utf-8"
    assert metrics.headers["Content-Type"] == "text/plain; version=0.0.4; charset=utf-8"
    assert healthy.body.encode() == HEALTHY
    assert icon.headers["Content-Type"] == "image/svg+xml"


def test_every_answer_is_hardened_and_tells_no_version(tmp_path: Path) -> None:
    """Errors too."""
    for answer in ask(nowhere(tmp_path), "/", "/metrics", "/nothing", "/static/page.css", "/static/../server.py"):
        policy = answer.headers["Content-Security-Policy"]
        assert "default-src 'none'" in policy
        assert "unsafe" not in policy
        assert answer.headers["X-Content-Type-Options"] == "nosniff"
        assert answer.headers["Referrer-Policy"] == "no-referrer"
        assert answer.headers["Server"] == "vipwarden"


@pytest.mark.parametrize("path", ["/nothing", "/static/", "/static/../server.py", "/static/%2e%2e/server.py"])
def test_nothing_else_is_served(tmp_path: Path, path: str) -> None:
    """No listing, and nothing above the folder."""
    assert ask(nowhere(tmp_path), path)[0].status in (403, 404)


def test_only_reading_is_allowed(tmp_path: Path) -> None:
    """HEAD is GET without a body."""
    assert [one.status for one in ask(nowhere(tmp_path), "/", "/metrics", method="POST")] == [405, 405]
    for answer in ask(nowhere(tmp_path), "/", "/metrics", "/-/healthy", method="HEAD"):
        assert (answer.status, answer.body) == (200, "")


@pytest.mark.parametrize(
    ("host", "status"),
    [("localhost:9877", 200), ("127.0.0.1", 200), ("[::1]:80", 200), ("evil.example", 421), ("192.0.2.1", 421)],
)
def test_a_loopback_listener_answers_to_its_own_names_only(tmp_path: Path, host: str, status: int) -> None:
    """A name of a web site that points to 127.0.0.1 is refused."""
    assert ask(nowhere(tmp_path), "/metrics", headers={"Host": host})[0].status == status


def test_a_listener_for_all_answers_to_any_name(tmp_path: Path) -> None:
    """As Prometheus reaches it by whichever name the node has."""
    answer = ask(nowhere(tmp_path, listen=(Listen(":0"),)), "/-/healthy", headers={"Host": "lb1.example.net"})[0]
    assert answer.status == 200


def test_a_port_in_use_is_told_with_what_to_do(tmp_path: Path) -> None:
    """And nothing is left behind."""
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        with pytest.raises(ListenError, match=rf"port is in use; see who has it by 'ss -ltnp sport = :{port}'"):
            asyncio.run(start(nowhere(tmp_path, listen=(Listen(f"127.0.0.1:{port}"),))))


def test_an_address_of_another_node_is_told(tmp_path: Path) -> None:
    """With the system's words."""
    with pytest.raises(ListenError, match=r"cannot listen on 192\.0\.2\.99:9877"):
        asyncio.run(start(nowhere(tmp_path, listen=(Listen("192.0.2.99:9877"),))))


def test_ipv6_can_be_listened_on(tmp_path: Path) -> None:
    """In brackets."""

    async def run() -> int:
        runner = await start(nowhere(tmp_path, listen=(Listen("[::1]:0"),)))
        try:
            _, writer = await asyncio.open_connection("::1", port_of(runner))
            writer.close()
            await writer.wait_closed()
            return port_of(runner)
        finally:
            await runner.cleanup()

    assert asyncio.run(run()) > 0


def test_every_address_of_both_families_is_what_brackets_mean(tmp_path: Path) -> None:
    """As with every server written in Go; beside a listener for IPv4 it is IPv6 alone."""

    async def serve(*listen: str) -> list[int]:
        running = await start(nowhere(tmp_path, listen=tuple(map(Listen, listen))))
        try:
            port = running.addresses[-1][1]
            return [await asyncio.to_thread(ask_at, host, port) for host in ("127.0.0.1", "::1")]
        finally:
            await running.cleanup()

    def ask_at(host: str, port: int) -> int:
        connection = http.client.HTTPConnection(host, port, timeout=10)
        try:
            connection.request("GET", "/-/healthy")
            return connection.getresponse().status
        finally:
            connection.close()

    assert asyncio.run(serve("[::]:0")) == [200, 200]
    with socket.create_server(("0.0.0.0", 0)) as taken:
        port = taken.getsockname()[1]
    assert asyncio.run(serve(f"[::]:{port}", f"0.0.0.0:{port}")) == [200, 200]


def test_its_health_is_told_while_a_source_hangs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The event loop waits for no source."""
    asked, release = threading.Event(), threading.Event()

    def hang(_: Settings) -> None:
        asked.set()
        release.wait(10)

    monkeypatch.setattr(server, "sources", lambda: (Source("hanging", hang, lambda _: ()),))

    def work(port: int) -> list[Answer]:
        scrape = threading.Thread(target=request, args=(port, "/metrics"))
        scrape.start()
        assert asked.wait(60)
        answer = request(port, "/-/healthy")
        release.set()
        scrape.join()
        return [answer]

    assert serving(nowhere(tmp_path), work)[0].status == 200


def test_it_is_ready_while_it_listens(tmp_path: Path) -> None:
    """Neither before nor when the end has begun."""

    async def run() -> list[int]:
        exporter = await start(nowhere(tmp_path))
        try:
            found = [(await asyncio.to_thread(request, port_of(exporter), "/-/ready")).status]
            exporter._answers.is_ready = False
            found.append((await asyncio.to_thread(request, port_of(exporter), "/-/ready")).status)
            found.append((await asyncio.to_thread(request, port_of(exporter), "/-/healthy")).status)
            return found
        finally:
            await exporter.cleanup()

    assert asyncio.run(run()) == [200, 503, 200]
