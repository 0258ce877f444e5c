"""Does a web server answer a request as its clients need it?"""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING

import pytest

from checks.http_page import http_page
from tests.agent.drive import resident
from tests.checks.http_page import ask, page, placed, serving
from tests.drive import oneshot
from tests.servers.nginx import nginx
from tests.servers.raw_http import RawHttp, raw_http
from vipwarden.core.result import CRITICAL, OK, WARNING, State

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path


@pytest.fixture(scope="module")
def server() -> Iterator[RawHttp]:
    """Serve the pages that there are."""
    with serving() as running:
        yield running


@pytest.mark.parametrize(
    ("path", "more", "state", "text"),
    [
        ("/", (), OK, "status 200, 5 B ("),
        ("/", ("-s", "ell", "-r", "^h.*o$", "--absent", "error"), OK, "status 200, 5 B, as wanted ("),
        ("/", ("-s", "Hello"), CRITICAL, "but no 'Hello' in 5 bytes"),
        ("/", ("-r", "^ello"), CRITICAL, "but regex missed in 5 bytes"),
        ("/", ("--absent", "l+"), CRITICAL, "but --absent matched 'll'"),
        ("/", ("-s", "x", "-r", "y"), CRITICAL, "but no 'x' in 5 bytes; regex missed in 5 bytes"),
        ("/nul", ("-s", "b"), OK, "as wanted"),
        ("/chunked", ("-r", "^hello$"), OK, "status 200, 5 B"),
        ("/chunked-end", ("-s", "x"), CRITICAL, "no 'x' in 0 bytes"),
        ("/gzip", ("-r", "^hello$"), OK, "status 200, 5 B"),
        ("/close", ("-r", "^hello$"), OK, "status 200, 5 B"),
        ("/early", ("-r", "^hello$"), OK, "status 200, 5 B"),
        ("/bare", (), OK, "status 204, 0 B"),
        ("/typed", ("-d", "content-type: ^text/html", "-d", "X-Empty"), OK, "as wanted"),
        ("/typed", ("-d", "X-Role: replica"), CRITICAL, "header X-Role is 'primary', wanted replica"),
        ("/typed", ("-d", "X-None"), CRITICAL, "no header X-None"),
        ("/404", (), CRITICAL, "status 404, wanted 200-299"),
        ("/404", ("-e", "404"), OK, "status 404, 4 B"),
        ("/404", ("--drain", "404", "-s", "hello"), WARNING, "status 404 asks to drain the server"),
        ("/503", ("--drain", "404"), CRITICAL, "status 503, wanted 200-299"),
        ("/", ("--drain", "404", "-c", "10:"), CRITICAL, "status 200"),
    ],
)
def test_the_answer_is_judged(server: RawHttp, path: str, more: tuple[str, ...], state: State, text: str) -> None:
    """By its status, its fields and its content, without waiting for the end of the connection."""
    result = ask(server, path, *more)
    assert (result.state, result.expired) == (state, False), result
    assert text in result.text


@pytest.mark.parametrize(
    ("wanted", "text"),
    [
        ("status=UP", ""),
        ("$.status=UP", ""),
        ("status", ""),
        ("n=3", ""),
        ("n=3.0", ""),
        ("ok=true", ""),
        ("none=null", ""),
        ("checks[0].state=ok", ""),
        ('checks[-1]["a.b"]=1.5', ""),
        ("id=9007199254740993", ""),
        ("id=9007199254740992", "id is 9007199254740993, wanted 9007199254740992"),
        ("status=DOWN", "status is 'UP', wanted DOWN"),
        ("ok=1", "ok is true, wanted 1"),
        ("n=three", "n is 3, wanted three"),
        ("checks=ok", "checks is an array of 2, wanted ok"),
        ("checks[2]", "no checks[2] in the JSON"),
        ("status.x", "no status.x in the JSON"),
        ("checks.state", "no checks.state in the JSON"),
    ],
)
def test_a_value_of_the_json(server: RawHttp, wanted: str, text: str) -> None:
    """By its path: a text as it stands, anything else as JSON."""
    result = ask(server, "/json", "--json-value", wanted)
    assert result.state == (CRITICAL if text else OK)
    assert text in result.text


@pytest.mark.parametrize(
    ("path", "text"),
    [
        ("/", "no JSON at character 0"),
        ("/deep", "the JSON is nested too deeply"),
        ("/big-json", "a JSON document of more than 1048576 bytes is not read"),
        ("/nul", "no JSON"),
        ("/chunked-end", "no JSON"),
    ],
)
def test_what_is_no_json_is_critical(server: RawHttp, path: str, text: str) -> None:
    """Deep nesting and size are bounded; neither costs more than a moment."""
    result = ask(server, path, "--json-value", "$")
    assert result.state == CRITICAL
    assert text in result.text
    assert ask(server, "/number", "--json-value", "[0]").state == OK


@pytest.mark.parametrize(
    ("path", "text"),
    [
        ("/short", "short body: 5 of 9 bytes"),
        ("/lying", "bad Content-Length '9, 5'"),
        ("/huge", "bad Content-Length '99999999999999999999'"),
        ("/negative", "bad Content-Length '-5'"),
        ("/cut", "short body: its last chunk is missing"),
        ("/header", "no end of the header in 64 KiB"),
        ("/many", "a body of more than 16777216 bytes, the limit of --max-bytes"),
        ("/bomb", "more content than is allowed comes out of its compression"),
        ("/ssh", "bad status line 'SSH-2.0-OpenSSH 200 OK'"),
        ("/nothing", "the connection closed without an answer"),
        ("/reset", "after status 200 and 5 of 9 bytes"),
        ("/nowhere", "status 301 without a Location"),
        ("/loop", "more than 10 redirects"),
        ("/to-ftp", "neither http nor https"),
        ("/to-nonsense", "leads to no URL"),
    ],
)
def test_what_is_no_whole_answer_is_critical(server: RawHttp, path: str, text: str) -> None:
    """Each says what came; the agent says the same."""
    options = ("-H", "127.0.0.1", "-p", server.port, "-u", path, "-f", "follow")
    results = [oneshot(http_page, *options), resident(http_page, *options)]
    for result in results:
        assert (result.state, result.expired) == (CRITICAL, False), result
        assert text in result.text
        assert result.text.isprintable()


@pytest.mark.parametrize("path", ["/mute", "/drip", "/interim"])
def test_the_deadline_is_for_the_whole_run(server: RawHttp, path: str) -> None:
    """A server that is silent, that drips, or that never comes to its answer."""
    result = ask(server, path, "-t", "0.3")
    assert (result.state, result.expired) == (CRITICAL, True)
    assert "within 0.3 s" in result.text


@pytest.mark.parametrize(
    ("path", "redirects", "state", "text"),
    [
        ("/to-root", "off", CRITICAL, "status 302 to /, wanted 200-299"),
        ("/to-root", "same-host", OK, "/to-root to http://127.0.0.1:PORT/: status 200, 5 B"),
        ("/to-root", "follow", OK, "status 200, 5 B"),
        ("/to-other", "same-host", CRITICAL, "leads to another host"),
        ("/to-other", "follow", OK, "to http://localhost:PORT/: status 200"),
        ("/to-utf8", "same-host", OK, "/%C3%BC%20b: status 200"),
    ],
)
def test_redirects(server: RawHttp, path: str, redirects: str, state: State, text: str) -> None:
    """None, those to the same host, or all."""
    result = ask(server, path, "-f", redirects)
    assert result.state == state
    assert text.replace("PORT", server.port) in result.text


def test_a_redirect_to_the_name_of_a_virtualhost_stays_at_this_server() -> None:
    """Though the name has no address: one real server of many is asked."""
    moved = page(b"", b"Location: http://www.none.test:PORT/there", status=b"301 Moved")
    with raw_http({}) as server:
        server.pages = placed({"/": moved, "/there": page(b"hello")}, server)
        result = ask(server, "/", "-V", f"www.none.test:{server.port}", "-f", "same-host", "-s", "hello")
        assert result.state == OK, result
        assert b"Host: www.none.test:" in server.requests[-1]


# modules that chk_http_page loads beside what every chk_ command does
LOADS = """vipwarden.net.secret vipwarden.net.target vipwarden.protocol vipwarden.protocol.http
    vipwarden.protocol.http.body vipwarden.protocol.http.codec vipwarden.protocol.http.json_value
    vipwarden.protocol.http.options vipwarden.protocol.http.page vipwarden.protocol.http.redirect
    vipwarden.protocol.http.request vipwarden.protocol.http.response vipwarden.protocol.http.server
    vipwarden.protocol.http.wanted"""


@contextmanager
def healthy(folder: Path) -> Iterator[str]:
    """Yield options with which the check is OK."""
    with nginx(folder, "server { listen 127.0.0.1:PORT0; location / { return 200 hello; } }") as (port,):
        yield f"-H 127.0.0.1 -p {port} -s hello"
