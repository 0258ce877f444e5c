"""Does a web server answer a request as its clients need it?"""

from __future__ import annotations

import base64
import gzip
import json
from contextlib import contextmanager
from typing import TYPE_CHECKING

import pytest

from checks.http_page import http_page
from tests.agent.drive import resident
from tests.commands import run
from tests.drive import oneshot
from tests.servers.certificate import self_signed
from tests.servers.nginx import nginx
from tests.servers.raw_http import DRIP, HANG, RESET, RawHttp, raw_http
from vipwarden.core.options import UsageError
from vipwarden.core.result import CRITICAL, OK, UNKNOWN, WARNING, Result, State

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from tests.servers.raw_http import Step

START = b"HTTP/1.1 200 OK\r\n"
JSON = b"""{"status": "UP", "n": 3, "ok": true, "none": null, "checks": [{"state": "ok"}, {"a.b": 1.5}],
    "id": 9007199254740993}"""
DEEP = b"[" * 200_000 + b"]" * 200_000
TOKEN = "s3cr3t-t0ken-of-this-test"


def page(body: bytes, *fields: bytes, status: bytes = b"200 OK") -> tuple[Step, ...]:
    """Return a response of the right length, whose connection stays open."""
    lines = [b"HTTP/1.1 " + status, b"Content-Length: %d" % len(body), *fields]
    return (b"\r\n".join([*lines, b"", body]), HANG)


PAGES: dict[str, tuple[Step, ...]] = {
    "/": page(b"hello"),
    "/typed": page(b"hello", b"Content-Type: text/html; charset=utf-8", b"X-Empty:", b"X-Role: primary"),
    "/json": page(JSON),
    "/deep": page(DEEP),
    "/big-json": page(b'"' + b"x" * 1_100_000 + b'"'),
    "/number": page(b"[1" + b"0" * 100_000 + b"]"),
    "/chunked": (START + b"Transfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\n\r\n", HANG),
    "/chunked-end": (START + b"Transfer-Encoding: chunked\r\n\r\n0\r\n\r\n", HANG),
    "/gzip": page(gzip.compress(b"hello"), b"Content-Encoding: gzip"),
    "/bomb": page(gzip.compress(bytes(20_000_000)), b"Content-Encoding: gzip"),
    "/close": (START + b"\r\nhello",),
    "/early": (
        b"HTTP/1.1 103 Early Hints\r\nLink: </a>\r\n\r\n",
        0.01,
        START + b"Content-Length: 5\r\n\r\nhello",
        HANG,
    ),
    "/bare": (b"HTTP/1.1 204\r\n\r\n", HANG),
    "/nul": page(b"a\0b"),
    "/404": page(b"gone", status=b"404 Not Found"),
    "/503": page(b"", status=b"503 " + b"\x1b[2J" * 20),
    "/short": (START + b"Content-Length: 9\r\n\r\nhello",),
    "/lying": (START + b"Content-Length: 9, 5\r\n\r\nhello",),
    "/huge": (START + b"Content-Length: 99999999999999999999\r\n\r\nhello",),
    "/negative": (START + b"Content-Length: -5\r\n\r\nhello",),
    "/cut": (START + b"Transfer-Encoding: chunked\r\n\r\n64\r\nhello",),
    "/reset": (START + b"Content-Length: 9\r\n\r\nhello", 0.05, RESET),
    "/header": (START + b"A: " + b"x" * 70_000,),
    "/many": (START + b"\r\n" + b"x" * 20_000_000,),
    "/ssh": (b"SSH-2.0-OpenSSH 200 OK\r\n\r\n",),
    "/nothing": (),
    "/mute": (HANG,),
    "/drip": (START + b"\r\n", DRIP),
    "/interim": (b"HTTP/1.1 100 Continue\r\n\r\n" * 50, HANG),
    "/to-root": page(b"", b"Location: /", status=b"302 Found"),
    "/to-other": page(b"", b"Location: http://localhost:PORT/", status=b"302 Found"),
    "/loop": page(b"", b"Location: loop", status=b"301 Moved"),
    "/nowhere": page(b"", status=b"301 Moved"),
    "/to-ftp": page(b"", b"Location: ftp://127.0.0.1/", status=b"301 Moved"),
    "/to-nonsense": page(b"", b"Location: http://[::1/", status=b"301 Moved"),
    "/to-utf8": page(b"", "Location: /ü b".encode(), status=b"308 Moved"),
    "/%C3%BC%20b": page(b"hello"),
    "/echo": page(b"", f"Location: /?token={TOKEN}".encode(), status=b"302 Found"),
    "/echo-late": page(b"", b"Location: /0123456789012345678901234567890123456789" + TOKEN.encode(), status=b"302 F"),
    "/echo-json": page(json.dumps({"token": TOKEN}).encode()),
}


def placed(pages: dict[str, tuple[Step, ...]], server: RawHttp) -> dict[str, tuple[Step, ...]]:
    """Return pages with the port of their server for PORT."""
    port = server.port.encode()
    return {
        path: tuple(step.replace(b"PORT", port) if isinstance(step, bytes) else step for step in steps)
        for path, steps in pages.items()
    }


@pytest.fixture(scope="module")
def server() -> Iterator[RawHttp]:
    """Serve all the pages above."""
    with raw_http(PAGES) as running:
        running.pages = placed(PAGES, running)
        yield running


def ask(server: RawHttp, path: str, *more: str) -> Result:
    """Ask for one of the pages."""
    result = oneshot(http_page, "-H", "127.0.0.1", "-p", server.port, "-u", path, *more)
    assert result.text.isprintable()
    assert len(result.text) < 400
    return result


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


@pytest.mark.parametrize(
    ("more", "wanted"),
    [
        ((), "GET / HTTP/1.1|Host: 127.0.0.1:PORT|User-Agent: vipwarden|Accept: */*|Connection: close||"),
        (
            ("-V", "web.test", "-j", "PURGE", "-k", "Accept: text/plain", "-k", "X-A:  b "),
            "PURGE / HTTP/1.1|Host: web.test|User-Agent: vipwarden|Connection: close|Accept: text/plain|X-A: b||",
        ),
        (
            ("--body", "a=ü", "-k", "user-agent: me", "-k", "Content-Type: x"),
            (
                "POST / HTTP/1.1|Host: 127.0.0.1:PORT|Accept: */*|Connection: close|Content-Length: 4|user-agent: me|"
                "Content-Type: x||a=ü"
            ),
        ),
    ],
)
def test_the_request(server: RawHttp, more: tuple[str, ...], wanted: str) -> None:
    """Byte by byte: the connection is never kept alive."""
    ask(server, "/", *more)
    assert server.requests[-1].decode() == wanted.replace("PORT", server.port).replace("|", "\r\n")


def test_the_method_after_a_redirect(server: RawHttp) -> None:
    """302 makes a GET of a POST, 308 does not (RFC 9110, 15.4); HEAD stays what it is and has no body."""
    for path, more, line in (
        ("/to-root", ("--body", "x"), b"GET / "),
        ("/to-utf8", ("--body", "x"), b"POST /%C3%BC%20b "),
        ("/to-root", ("-j", "HEAD"), b"HEAD / "),
    ):
        result = ask(server, path, "-f", "follow", *more)
        assert server.requests[-1].startswith(line)
        assert ("0 B" in result.text) is (line == b"HEAD / ")


def test_credentials_come_from_files_and_go_to_the_first_server_alone(server: RawHttp, tmp_path: Path) -> None:
    """Basic and bearer authorization, and any other field."""
    basic, bearer, header = tmp_path / "basic", tmp_path / "bearer", tmp_path / "header"
    basic.write_text("monitor:p:ä\n")
    bearer.write_text(TOKEN)
    header.write_text(f"# of the api\nX-API-Key: {TOKEN}\n\nCookie: a=b\n")
    for path in (basic, bearer, header):
        path.chmod(0o600)
    assert not ask(server, "/to-root", "--basic-file", str(basic), "-f", "follow").notes[:-1]
    encoded = base64.b64encode("monitor:p:ä".encode())
    assert all(b"\r\nAuthorization: Basic " + encoded in request for request in server.requests[-2:])
    ask(server, "/to-other", "--bearer-file", str(bearer), "--header-file", str(header), "-f", "follow")
    first, second = server.requests[-2:]
    assert f"\r\nAuthorization: Bearer {TOKEN}\r\n".encode() in first
    assert f"\r\nX-API-Key: {TOKEN}\r\nCookie: a=b\r\n".encode() in first
    assert TOKEN.encode() not in second
    assert b"Cookie" not in second
    bearer.chmod(0o644)
    notes = ask(server, "/", "--bearer-file", str(bearer)).notes
    assert notes == [f"{bearer} holds a secret and others can read it: chmod 600 it"]


@pytest.mark.parametrize("more", [(), ("-f", "same-host"), ("--json-value", "token=x", "-e", "200-399")])
@pytest.mark.parametrize("path", ["/echo", "/echo-late", "/echo-json"])
def test_a_secret_that_the_server_sends_back_is_not_shown(
    server: RawHttp, tmp_path: Path, path: str, more: tuple[str, ...]
) -> None:
    """Neither whole nor cut off, neither in the text nor in the notes."""
    bearer = tmp_path / "bearer"
    bearer.write_text(TOKEN)
    result = ask(server, path, "--bearer-file", str(bearer), *more)
    assert TOKEN[:6] not in " ".join([result.text, *result.notes])


@pytest.mark.parametrize(
    ("option", "content", "text"),
    [
        ("--bearer-file", None, "cannot read FILE: No such file or directory"),
        ("--bearer-file", "two\nlines\n", "FILE must hold one line"),
        ("--bearer-file", "a b", "must hold a token without blanks"),
        ("--bearer-file", "", "FILE must hold one line"),
        ("--bearer-file", "x" * 9000, "FILE must hold one line"),
        ("--basic-file", "monitor", "FILE must hold USER:PASSWORD"),
        ("--header-file", "A: b\nHost: x", "FILE:2: Host is no header to choose: the option is --virtualhost"),
        ("--header-file", "secret", "FILE:1: a header is written NAME: VALUE"),
        ("--body-file", "x" * 70_000, "FILE is longer than 65536 bytes"),
    ],
)
def test_a_file_that_cannot_be_used_is_unknown(
    server: RawHttp, tmp_path: Path, option: str, content: str | None, text: str
) -> None:
    """The server was not asked, and what the file holds is not shown."""
    path = tmp_path / "file"
    if content is not None:
        path.write_text(content)
    asked = len(server.requests)
    result = ask(server, "/", option, str(path))
    assert result.state == UNKNOWN
    assert text.replace("FILE", str(path)) in result.text
    assert "secret" not in result.text
    assert len(server.requests) == asked


def test_a_body_by_file(server: RawHttp, tmp_path: Path) -> None:
    """As it is, with POST."""
    path = tmp_path / "body"
    path.write_bytes(b'{"a": "\\"\0"}')
    ask(server, "/", "--body-file", str(path), "-k", "Content-Type: application/json")
    assert server.requests[-1].startswith(b"POST ")
    assert server.requests[-1].endswith(b'\r\n\r\n{"a": "\\"\0"}')


@pytest.mark.parametrize(
    ("more", "text"),
    [
        (("--sni", "a.test"), "are for TLS, which is not asked for"),
        (("--basic-file", "/a", "--bearer-file", "/b"), "two ways of authorization"),
        (("--body", "a", "--body-file", "/b"), "body and body_file at once"),
    ],
)
def test_options_that_contradict_each_other_are_unknown(server: RawHttp, more: tuple[str, ...], text: str) -> None:
    """And said so."""
    result = ask(server, "/", *more)
    assert result.state == UNKNOWN
    assert text in result.text


@pytest.mark.parametrize(
    ("option", "value", "text"),
    [
        ("-k", "Authorization: Basic c2VjcmV0", "put them into a file, by --basic-file or --bearer-file"),
        ("-k", "cookie: secret", "put them into a file, by --header-file"),
        ("-k", "X: a\r\nY: b", "no control characters"),
        ("-k", "no colon", "NAME: VALUE"),
        ("-k", "Content-Length: 3", "it is that of the body"),
        ("-j", "GET /", "a method is one word"),
        ("-d", ": x", "NAME or NAME: REGEX"),
        ("-d", "A: (", "no regular expression"),
        ("--json-value", "=x", "a JSON path is written"),
        ("--json-value", "a..b", "has a name between two dots"),
        ("--json-value", "a[x]", "brackets of a JSON path hold"),
        ("--json-value", 'a["x]', "brackets of a JSON path hold"),
        ("-f", "sticky", "off, same-host or follow is wanted"),
    ],
)
def test_what_cannot_be_meant_is_refused(option: str, value: str, text: str) -> None:
    """Without a word of a secret."""
    with pytest.raises(UsageError) as refused:
        oneshot(http_page, "-H", "127.0.0.1", option, value)
    assert text in str(refused.value)
    assert "secret" not in str(refused.value)
    assert "c2VjcmV0" not in str(refused.value)


NGINX = """
server {
    listen 127.0.0.1:PORT0;
    listen [::1]:PORT0;
    listen unix:FOLDER/web.sock;
    server_name _;
    error_page 405 =405 /index.html;
    location /status/ { return 200 "$request_method $http_host $http_connection $content_type"; }
    location /private { auth_basic "x"; auth_basic_user_file FOLDER/users; alias FOLDER/index.html; }
    location /bearer { if ($http_authorization != "Bearer good") { return 401; } return 200 "welcome"; }
    location /moved { return 301 /index.html; }
    location /tls { return 301 https://web.test:PORT1/index.html; }
    location /slash { return 307 http://127.0.0.1:PORT0/index.html; }
    location /ssi { ssi on; ssi_types *; default_type text/html; }
    location /gzip { gzip on; gzip_min_length 1; gzip_types *; alias FOLDER/index.html; }
    location /drain { return 404; }
    location /json { default_type application/json; return 200 '{"status": "UP", "members": [{"role": "leader"}]}'; }
}
server {
    listen 127.0.0.1:PORT1 ssl;
    server_name web.test;
    ssl_certificate FOLDER/web.test.crt;
    ssl_certificate_key FOLDER/web.test.key;
}
"""


@pytest.fixture(scope="module")
def web(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Path, list[str]]]:
    """Run a real nginx."""
    folder = tmp_path_factory.mktemp("web")
    self_signed(folder)
    (folder / "index.html").write_text("hello")
    (folder / "ssi").write_text('<!--#echo var="uri" --> hello')
    (folder / "users").write_text("monitor:{PLAIN}right\n")
    for name, text in (("right", "monitor:right"), ("wrong", "monitor:wrong"), ("good", "good")):
        (folder / name).write_text(text)
    with nginx(folder, NGINX, ports=2) as ports:
        yield folder, ports


@pytest.mark.parametrize(
    ("options", "state", "text"),
    [
        ("-u /index.html", OK, "status 200, 5 B"),
        ("-u /index.html -s hell", OK, "as wanted"),
        ("-u /missing", CRITICAL, "status 404, wanted 200-299"),
        ("-u /drain --drain 404", WARNING, "status 404 asks to drain the server"),
        ("-u /status/ -r close.$", OK, "as wanted"),
        ("-u /status/ -j OPTIONS -r ^OPTIONS", OK, "as wanted"),
        ("-u /status/ --body a=b -r ^POST.*urlencoded$", OK, "as wanted"),
        ("-u /index.html -j PUT --body a=b", CRITICAL, "status 405, wanted"),
        ("-u /index.html -j HEAD -d Content-Length:5", OK, "status 200, 0 B"),
        ("-u /private", CRITICAL, "status 401, wanted"),
        ("-u /private --basic-file FOLDER/right", OK, "status 200, 5 B"),
        ("-u /private --basic-file FOLDER/wrong", CRITICAL, "status 401, wanted"),
        ("-u /bearer --bearer-file FOLDER/good -s welcome", OK, "as wanted"),
        ("-u /bearer --bearer-file FOLDER/wrong", CRITICAL, "status 401, wanted"),
        ("-u /moved", CRITICAL, "status 301 to http://"),
        ("-u /moved -e 301", OK, "status 301"),
        ("-u /moved -f same-host -s hello", OK, "/index.html: status 200, 5 B, as wanted"),
        ("-u /slash -f same-host -s hello", OK, "as wanted"),
        ("-u /tls -f same-host", CRITICAL, "leads to another host"),
        (
            "-V web.test -u /tls -f same-host -s hello --ca-file FOLDER/web.test.crt",
            OK,
            "https://127.0.0.1:PORT1/index",
        ),
        ("-V web.test -u /tls -f same-host -s hello", CRITICAL, "is not valid: self-signed certificate"),
        ("-u /ssi -r ^/ssi.hello$ -d Transfer-Encoding:chunked", OK, "as wanted"),
        ("-u /gzip -r ^hello$ -k Accept-Encoding:gzip -d Content-Encoding:gzip", OK, "as wanted"),
        ("-u /json --json-value status=UP --json-value members[0].role=leader -d content-type:json", OK, "as wanted"),
        ("-u /json --json-value status=DOWN", CRITICAL, "status is 'UP', wanted DOWN"),
        ("-u /index.html -w @0:9", WARNING, "status 200"),
        ("-u /index.html -c @0:9", CRITICAL, "status 200"),
        ("-H ::1 -u /index.html", OK, "status 200"),
        ("-H localhost -u /index.html", OK, "http://localhost:PORT0/index.html: status 200"),
        ("-H FOLDER/web.sock -u /moved -f same-host -s hello", OK, "to FOLDER/web.sock/index.html: status 200"),
        (
            "-S -p PORT1 -V web.test -u /index.html --ca-file FOLDER/web.test.crt",
            OK,
            "https://127.0.0.1:PORT1/index.html",
        ),
        ("-S -p PORT1 -u /index.html --insecure", OK, "status 200, 5 B"),
        ("-S -p PORT1 -u /index.html", CRITICAL, "is not valid: self-signed certificate"),
        ("-S -p PORT1 -V other.test --ca-file FOLDER/web.test.crt", CRITICAL, "Hostname mismatch"),
        ("-S -p PORT0 --insecure", CRITICAL, "no TLS with 127.0.0.1:PORT0"),
    ],
)
def test_a_real_server(web: tuple[Path, list[str]], options: str, state: State, text: str) -> None:
    """Of nginx, by the two drivers."""
    folder, ports = web

    def here(line: str) -> str:
        return line.replace("FOLDER", str(folder)).replace("PORT0", ports[0]).replace("PORT1", ports[1])

    words = here(options).split()
    words = words if "-H" in words else ["-H", "127.0.0.1", *words]
    words = words if "-p" in words or "FOLDER/web.sock" in options else ["-p", ports[0], *words]
    for result in (oneshot(http_page, *words), resident(http_page, *words)):
        assert result.state == state, result
        assert here(text) in result.text


def test_drain_is_a_weight_for_keepalived(web: tuple[Path, list[str]], tmp_path: Path) -> None:
    """By misc_dynamic: the server keeps its sessions and gets no new ones."""
    _, ports = web
    words = ("-H", "127.0.0.1", "-p", ports[0], "-u", "/drain", "--drain", "404")
    assert run(tmp_path, "chk_http_page", *words).code == 1
    assert run(tmp_path, "chk_http_page", *words, "--misc-dynamic", "--warning-weight", "0").code == 2
    assert run(tmp_path, "check_http_page", *words).code == WARNING


def test_a_server_name_goes_with_the_handshake(tmp_path: Path) -> None:
    """The virtualhost's, or the one that is asked for."""
    certificate = self_signed(tmp_path)
    with raw_http({"/": page(b"hello")}, certificate=certificate) as server:
        for more, name in ((("-V", "web.test"), "web.test"), (("--sni", "web.test"), "web.test"), ((), None)):
            result = oneshot(
                http_page, "-H", "127.0.0.1", "-p", server.port, "-S", "--ca-file", str(certificate[0]), *more
            )
            assert result.state == OK, result
            assert server.names[-1] == name


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
