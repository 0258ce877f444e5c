"""Is a web page there, and is it the right one?"""

from __future__ import annotations

import hashlib
from contextlib import contextmanager
from typing import TYPE_CHECKING

import pytest

from checks.http_digest import http_digest
from tests.agent.drive import resident
from tests.checks.http_digest import HELLO, ask, serving
from tests.drive import oneshot
from tests.servers.nginx import nginx
from tests.servers.raw_http import RawHttp, raw_http
from vipwarden.core.options import UsageError
from vipwarden.core.registry import load
from vipwarden.core.result import CRITICAL, OK, UNKNOWN, WARNING

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path


@pytest.fixture(scope="module")
def server() -> Iterator[RawHttp]:
    """Serve the pages that there are."""
    with serving() as running:
        yield running


@pytest.mark.parametrize(
    ("path", "more", "text"),
    [
        ("/nothing", (), "closed without an answer"),
        ("/bare", (), "no CR LF CR LF ends the header"),
        ("/endless", (), "no end of the header in 64 KiB"),
        ("/status", (), "bad status line 'HTTP/1.1 200'"),
        ("/esc", (), "bad status line '[2J hello'"),
        ("/nasty", (), "status 500, wanted 200-299"),
        ("/404", ("--digest", HELLO), "status 404, wanted 200-299"),
        ("/moved", (), "status 301 to /there, wanted 200-299"),
        ("/plain", ("-e", "204,301-399"), "status 200, wanted 204,301-399"),
        ("/plain", ("--digest", "0" * 32), f"wrong digest {HELLO}, wanted {'0' * 32}"),
        ("/short", ("--digest", "0" * 32), "short body: 5 of 9 bytes"),
        ("/short", ("--decoded",), "short body: 5 of 9 bytes"),
        *(
            (path, more, text)
            for more in ((), ("-r", "hello"), ("--digest", "0" * 32), ("--decoded",))
            for path, text in (
                ("/cut-chunk", "short body: its last chunk is missing"),
                ("/cut-size", "short body: its last chunk is missing"),
                ("/cut-end", "short body: its last chunk is missing"),
                ("/unframed", "a chunk that has no size"),
                ("/identity", "short body: 5 of 9 bytes"),
            )
        ),
        ("/plain", ("-r", "^hullo"), "status 200, but regex missed in 5 bytes"),
        ("/plain", ("-r", "x", "--digest", "0" * 32), "wrong digest"),
        ("/long", ("--max-bytes", "1000000"), "more than 1000000 bytes"),
        ("/bomb", ("--decoded",), "more content than is allowed"),
        ("/brotli", ("--decoded",), "content coding br"),
        ("/reset", (), "cut the connection off (Connection reset by peer) after status 200 and 5 of 9 bytes"),
    ],
)
def test_what_is_wrong_is_told(server: RawHttp, path: str, more: tuple[str, ...], text: str) -> None:
    """Each in its own words, in keepalived's order."""
    result = ask(server, path, *more)
    assert text in result.text
    assert result.state == CRITICAL
    assert not result.expired


@pytest.mark.parametrize(
    ("path", "text"),
    [
        ("/mute", "no answer from 127.0.0.1"),
        ("/header", "17 bytes of the header came, and no end"),
        ("/slow-header", "bytes of the header came, and no end"),
        ("/body", "status 200 and 5 of 9 bytes came, and no end"),
        ("/open", "the body came, but the connection did not end"),
        ("/drip", "bytes came, and no end"),
    ],
)
def test_a_server_that_does_not_end_meets_the_deadline(server: RawHttp, path: str, text: str) -> None:
    """It is told as expired, with how far it had come."""
    result = ask(server, path, "-t", "1")
    assert text in result.text
    assert "within 1 s" in result.text
    assert (result.state, result.expired) == (CRITICAL, True)
    assert result.metrics[0].value > 0.9


def test_any_of_several_digests_is_right(server: RawHttp) -> None:
    """So that a page can be changed on one server after the other."""
    result = ask(server, "/plain", "--digest", "0" * 32, "--digest", HELLO)
    assert result.state == OK
    assert "right digest" in result.text
    assert [(metric.name, metric.uom) for metric in result.metrics] == [("time", "s"), ("size", "B")]
    assert result.metrics[1].value == 5


def test_without_a_digest_the_one_that_it_has_is_noted(server: RawHttp) -> None:
    """To be copied into the configuration."""
    assert list(ask(server, "/plain").notes) == [f"the md5 digest of 5 bytes is {HELLO}"]


def test_a_fragile_digest_is_right_but_told(server: RawHttp) -> None:
    """In the notes, with the reason; the state is not touched."""
    result = ask(server, "/x", "--digest", hashlib.md5(b"hel").hexdigest())
    assert result.state == OK
    assert "right but fragile digest" in result.text
    assert "fragile: keepalived cuts the body at 3 bytes" in result.notes[1]


def test_time_has_thresholds(server: RawHttp) -> None:
    """Of seconds; a page that is wrong stays critical."""
    assert ask(server, "/plain", "-w", "@0:10").state == WARNING
    assert ask(server, "/plain", "-c", "@0:10").state == CRITICAL
    assert ask(server, "/plain", "-w", "@0:10", "--digest", "0" * 32).state == CRITICAL


@pytest.mark.parametrize(
    ("more", "text"),
    [
        (("--digest", "0" * 64), "md5 digests have 32 digits"),
        (("--digest", "0" * 32, "--algorithm", "sha256"), "sha256 digests have 64 digits"),
        (("--sni", "a"), "are for TLS"),
        (("-H", "/run/x"), "no ports"),
        (("-S", "-V", ".x"), "no TLS server name"),
        (("-S", "--ca-file", "/nowhere"), "cannot read CA certificates"),
    ],
)
def test_what_cannot_be_meant_is_unknown(server: RawHttp, more: tuple[str, ...], text: str) -> None:
    """Not a fault of the server."""
    host = () if "-H" in more else ("-H", "127.0.0.1")
    result = oneshot(http_digest, *host, "-p", server.port, "-u", "/plain", *more)
    assert (result.state, text in result.text) == (UNKNOWN, True), result


def test_a_wrong_regex_is_a_usage_error() -> None:
    """Before anything is sent."""
    with pytest.raises(UsageError, match="no regular expression"):
        oneshot(http_digest, "-H", "127.0.0.1", "-r", "(")


def test_a_regex_gone_wild_meets_the_deadline(server: RawHttp) -> None:
    """It is no fault of the server."""
    result = ask(server, "/many", "-r", "(a+)+$", "-t", "0.2")
    assert (result.state, result.expired) == (UNKNOWN, True), result


@pytest.mark.parametrize("path", ["/plain", "/long", "/chunked", "/404", "/short", "/nothing", "/open", "/drip"])
def test_an_event_loop_says_the_same(server: RawHttp, path: str) -> None:
    """State, digest and, but for the times and what a drip came to, the text."""
    limit = {"/drip": "0.5", "/open": "1.5"}.get(path, "10")
    words = ("-H", "127.0.0.1", "-p", server.port, "-u", path, "-t", limit)
    looped = resident(load("http_digest"), *words)
    alone = ask(server, path, "-t", limit)
    assert (looped.state, looped.notes, looped.expired) == (alone.state, alone.notes, alone.expired)
    assert path == "/drip" or looped.text.rpartition(" (")[0] == alone.text.rpartition(" (")[0]


def test_a_refused_connection_is_told_as_closed() -> None:
    """Port and default port."""
    with raw_http({}) as server:
        port = server.port
    result = oneshot(http_digest, "-H", "127.0.0.1", "-p", port)
    assert (result.state, "is closed" in result.text) == (CRITICAL, True)


# what chk_http_digest loads beside what every chk_ command does
LOADS = """_md5 vipwarden.net.target vipwarden.protocol vipwarden.protocol.hashes
    vipwarden.protocol.http
    vipwarden.protocol.http.codec vipwarden.protocol.http.options vipwarden.protocol.http.response
    vipwarden.protocol.http.server vipwarden.protocol.http.session"""


@contextmanager
def healthy(folder: Path) -> Iterator[str]:
    """Yield options with which the check is OK."""
    (folder / "page").write_text("hello")
    with nginx(folder, "server { listen 127.0.0.1:PORT0; location / { root FOLDER; } }") as (port,):
        yield f"-H 127.0.0.1 -p {port} -u /page --digest {HELLO}"
