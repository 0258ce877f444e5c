"""Is a web page there, and is it the right one?"""

from __future__ import annotations

import gzip
import hashlib
import socket
import subprocess
from contextlib import contextmanager
from typing import TYPE_CHECKING

import pytest

from checks.http_digest import http_digest
from tests.agent.drive import resident
from tests.commands import program
from tests.drive import oneshot
from tests.servers.certificate import self_signed
from tests.servers.nginx import nginx
from tests.servers.raw_http import DRIP, HANG, RESET, RawHttp, raw_http
from vipwarden.core.options import UsageError
from vipwarden.core.registry import load
from vipwarden.core.result import CRITICAL, OK, UNKNOWN, WARNING, Result

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from tests.servers.raw_http import Step

START = b"HTTP/1.1 200 OK\r\n"
HELLO = hashlib.md5(b"hello").hexdigest()
PAGES: dict[str, tuple[Step, ...]] = {
    "/plain": (START + b"Content-Length: 5\r\n\r\nhello",),
    "/close": (START + b"\r\nhello",),
    "/chunked": (START + b"Transfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\n\r\n",),
    "/cut-chunk": (START + b"Transfer-Encoding: chunked\r\n\r\n64\r\nhello",),
    "/cut-size": (START + b"Transfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n",),
    "/cut-end": (START + b"Transfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\n",),
    "/unframed": (START + b"Transfer-Encoding: chunked\r\n\r\nhello\r\n",),
    "/identity": (START + b"Transfer-Encoding: identity\r\nContent-Length: 9\r\n\r\nhello",),
    "/gzip": (START + b"Content-Encoding: gzip\r\n\r\n" + gzip.compress(b"hello", mtime=0),),
    "/bomb": (START + b"Content-Encoding: gzip\r\n\r\n" + gzip.compress(b"x" * 20_000_000, 1),),
    "/brotli": (START + b"Content-Encoding: br\r\n\r\nhello",),
    "/bare": (b"HTTP/1.1 200 OK\nContent-Length: 5\n\nhello",),
    "/late": (b"HTTP/1.1 200 OK\nContent-Length: 5\n\nhello\r\n\r\nhello, more",),
    "/lower": (START + b"content-length: 3\r\n\r\nhello",),
    "/x": (START + b"X-Content-Length: 3\r\n\r\nhello",),
    "/more": (START + b"Content-Length: 3\r\n\r\nhello",),
    "/blank": (START + b"Content-Length: 3 \r\n\r\nhello",),
    "/no-number": (START + b"Content-Length:\r\nA: b\r\n\r\nhello",),
    "/nul": (START + b"A: \0\r\nContent-Length: 3\r\n\r\nhello",),
    "/short": (START + b"Content-Length: 9\r\n\r\nhello",),
    "/empty": (START + b"Content-Length: 0\r\n\r\n",),
    "/long": (START + b"Content-Length: 1500000\r\n\r\n" + bytes(range(250)) * 6000,),
    "/slices": (START + b"Content-Length: 5\r\n\r", 0.01, b"\nhe", 0.01, b"llo, and more"),
    "/404": (b"HTTP/1.1 404 Not Found\r\nContent-Length: 5\r\n\r\nhello",),
    "/moved": (b"HTTP/1.1 301 Moved\r\nLocation: /there\r\nContent-Length: 5\r\n\r\nhello",),
    "/status": (b"HTTP/1.1 200\r\nContent-Length: 5\r\n\r\nhello",),
    "/page": (START + b"\r\nhello Content-Length: 5\r\n",),
    "/nothing": (),
    "/mute": (HANG,),
    "/header": (START, HANG),
    "/body": (START + b"Content-Length: 9\r\n\r\nhello", HANG),
    "/open": (START + b"Content-Length: 5\r\n\r\nhello", HANG),
    "/drip": (START + b"\r\n", DRIP),
    "/slow-header": (START, DRIP),
    "/reset": (START + b"Content-Length: 9\r\n\r\nhello", 0.05, RESET),
    "/endless": (START + b"A: " + b"x" * 70000,),
    "/nasty": (b"HTTP/1.1 500 \x1b[2J\r\n\r\n",),
    "/many": (START + b"\r\n" + b"a" * 50 + b"!",),
    "/esc": (b"\x1b[2J\n\0 hello\r\n\r\n",),
}


@pytest.fixture(scope="module")
def server() -> Iterator[RawHttp]:
    """Serve all the pages above."""
    with raw_http(PAGES) as running:
        yield running


def ask(server: RawHttp, path: str, *more: str) -> Result:
    """Check one of the pages."""
    result = oneshot(http_digest, "-H", "127.0.0.1", "-p", server.port, "-u", path, *more)
    assert result.text.isprintable()
    assert len(result.text) < 300
    return result


def genhash(port: str, path: str, *more: str) -> str:
    """Return the digest that keepalived's own program prints, "" where it has none."""
    command = [program("genhash"), "-s", "127.0.0.1", "-p", port, "-u", path, *more]
    return subprocess.run(command, check=True, capture_output=True, text=True, timeout=60).stdout.strip()


def digest(result: Result) -> str:
    """Return the digest that a check took, "" where it has none."""
    if result.notes:
        return result.notes[0].split()[-1]
    return result.text.split(" with digest ")[1] if " with digest " in result.text else ""


@pytest.mark.parametrize(
    "path",
    [
        "/plain", "/close", "/chunked", "/gzip", "/bare", "/late", "/lower", "/x", "/more", "/blank", "/no-number",
        "/nul", "/short", "/empty", "/long", "/slices", "/404", "/moved", "/nothing", "/page",
    ],
)  # fmt: skip
def test_the_digest_is_that_of_genhash(server: RawHttp, path: str) -> None:
    """Whatever the answer looks like; only "/page" lets genhash take a part of the page for its header."""
    result = ask(server, path, "-e", "100-599")
    theirs = genhash(server.port, path)
    assert digest(result) == theirs or path == "/page"
    if path == "/page":
        assert "takes 'Content-Length:' in the page" in result.notes[1]
    if theirs and path not in ("/short", "/page"):
        assert ask(server, path, "-e", "100-599", "--digest", theirs.upper()).state == OK


@pytest.mark.parametrize("version", ["1.0", "1.0c", "1.0C", "1.1"])
@pytest.mark.parametrize("host", [(), ("-V", "web.test:81")])
def test_the_request_is_that_of_genhash(server: RawHttp, version: str, host: tuple[str, ...]) -> None:
    """Byte by byte."""
    genhash(server.port, "/plain", "-P", version, *host)
    ask(server, "/plain", "--http-version", version, *host)
    theirs, ours = server.requests[-2:]
    assert ours == theirs


NGINX = """
server {
    listen 127.0.0.1:PORT0;
    listen [::1]:PORT0;
    listen unix:FOLDER/web.sock;
    server_name _;
    location /moved { return 301 /; }
    location /gzip { gzip on; gzip_min_length 1; gzip_types *; gzip_http_version 1.0; gzip_proxied any;
        proxy_set_header Accept-Encoding gzip; proxy_pass http://127.0.0.1:PORT1/; proxy_http_version 1.1; }
    location /ssi { ssi on; ssi_types *; default_type text/html; }
    location /packed { gzip_static always; }
}
server { listen 127.0.0.1:PORT0; server_name other.test; return 200 other; }
server { listen 127.0.0.1:PORT1; gzip on; gzip_min_length 1; gzip_types *; gzip_http_version 1.0; }
server { listen 127.0.0.1:PORT2 ssl; ssl_certificate FOLDER/web.test.crt; ssl_certificate_key FOLDER/web.test.key; }
"""


@pytest.fixture(scope="module")
def web(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Path, list[str]]]:
    """Run a real nginx with pages of its own."""
    folder = tmp_path_factory.mktemp("web")
    self_signed(folder)
    (folder / "index.html").write_text("hello")
    (folder / "long").write_bytes(bytes(range(256)) * 8192)
    (folder / "empty").write_bytes(b"")
    (folder / "ssi").write_text('<!--#echo var="uri" --> hello')
    (folder / "packed.gz").write_bytes(gzip.compress(b"hello"))
    with nginx(folder, NGINX, ports=3) as ports:
        yield folder, ports


@pytest.mark.parametrize("version", ["1.0", "1.0C", "1.1"])
@pytest.mark.parametrize("path", ["/", "/long", "/empty", "/missing", "/moved", "/ssi", "/gzip", "/packed"])
def test_the_digest_of_a_page_of_nginx_is_that_of_genhash(web: tuple[Path, list[str]], path: str, version: str) -> None:
    """Plain, of 2 MB, empty, 404, redirected, chunked (by 1.1), compressed."""
    _, ports = web
    result = oneshot(
        http_digest, "-H", "127.0.0.1", "-p", ports[0], "-u", path, "--http-version", version, "-e", "100-599"
    )
    theirs = genhash(ports[0], path, "-P", version)
    assert len(theirs) == 32
    assert digest(result) == theirs
    assert any("chunked" in note for note in result.notes) is ((path, version) in {("/ssi", "1.1"), ("/gzip", "1.1")})


@pytest.mark.parametrize("host", ["127.0.0.1", "::1", "localhost", "unix"])
def test_every_way_to_a_server_leads_to_its_page(web: tuple[Path, list[str]], host: str) -> None:
    """IPv4, IPv6, a name that has both, a unix socket."""
    folder, ports = web
    where = ("-H", f"{folder}/web.sock") if host == "unix" else ("-H", host, "-p", ports[0])
    result = oneshot(http_digest, *where, "--digest", HELLO, "-r", "h.llo$")
    assert result.state == OK, result
    assert "status 200, 5 B, right digest, regex matched" in result.text


def test_the_request_to_an_ipv6_address_is_that_of_genhash() -> None:
    """The address stands in brackets."""
    with raw_http(PAGES, "::1") as server:
        oneshot(http_digest, "-H", "::1", "-p", server.port, "-u", "/plain")
        subprocess.run([program("genhash"), "-s", "::1", "-p", server.port, "-u", "/plain"], check=True)
        assert server.requests[0] == server.requests[1]


def test_a_virtualhost_has_its_own_page(web: tuple[Path, list[str]]) -> None:
    """As it is sent in the Host header."""
    _, ports = web
    result = oneshot(http_digest, "-H", "127.0.0.1", "-p", ports[0], "-V", "other.test", "-r", "^other$")
    assert result.state == OK
    assert digest(result) == hashlib.md5(b"other").hexdigest()


@pytest.mark.parametrize("path", ["/ssi", "/gzip", "/packed", "/"])
def test_the_content_has_one_digest_however_it_travels(web: tuple[Path, list[str]], path: str) -> None:
    """Chunked or not, compressed or not."""
    _, ports = web
    where = ("-H", "127.0.0.1", "-p", ports[0], "-u", path, "--decoded", "--algorithm", "sha256")
    results = [oneshot(http_digest, *where, "--http-version", version) for version in ("1.0", "1.1")]
    text = b"/ssi hello" if path == "/ssi" else b"hello"
    assert {digest(result) for result in results} == {hashlib.sha256(text).hexdigest()}
    assert all(len(result.notes) == 1 for result in results)


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
    result = ask(server, path, "-t", "0.2")
    assert text in result.text
    assert "within 0.2 s" in result.text
    assert (result.state, result.expired) == (CRITICAL, True)
    assert result.metrics[0].value == pytest.approx(0.2, abs=0.1)


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


@contextmanager
def secure(folder: Path) -> Iterator[tuple[RawHttp, str]]:
    """Serve the pages with TLS, under a certificate for web.test and 127.0.0.1."""
    certificate, key = self_signed(folder)
    with raw_http(PAGES, certificate=(certificate, key)) as server:
        yield server, str(certificate)


def test_a_certificate_has_to_be_valid(tmp_path: Path) -> None:
    """By a known CA and for the right name, unless nothing is to be verified."""
    with secure(tmp_path) as (server, ca_file):
        result = ask(server, "/plain", "-S")
        assert result.state == CRITICAL
        assert "certificate of 127.0.0.1" in result.text
        assert "self-signed certificate" in result.text
        assert ask(server, "/plain", "-S", "--ca-file", ca_file, "--digest", HELLO).state == OK
        assert ask(server, "/plain", "-S", "--insecure", "--digest", HELLO).state == OK
        result = ask(server, "/plain", "-S", "--ca-file", ca_file, "-V", "other.test")
        assert result.state == CRITICAL
        assert "other.test" in result.text
        result = ask(server, "/plain", "-S", "--ca-file", ca_file, "-V", "other.test", "--sni", "web.test")
        assert result.state == OK


def test_the_virtualhost_is_the_server_name_of_tls(tmp_path: Path) -> None:
    """Without its port; an address is none."""
    with secure(tmp_path) as (server, ca_file):
        for more in (("-V", "web.test:81"), (), ("--sni", "web.test")):
            assert ask(server, "/plain", "-S", "--ca-file", ca_file, *more).state == OK
        assert server.names == ["web.test", None, "web.test"]


def test_the_digest_over_tls_is_that_of_genhash(web: tuple[Path, list[str]]) -> None:
    """From nginx, a page of 2 MB."""
    folder, ports = web
    where = ("-H", "127.0.0.1", "-p", ports[2], "-u", "/long", "-S", "--ca-file", f"{folder}/web.test.crt")
    assert digest(oneshot(http_digest, *where)) == genhash(ports[2], "/long", "-S")


@pytest.mark.parametrize("path", ["/mute", "/drip", "/body"])
def test_a_server_that_does_not_end_meets_the_deadline_in_tls_too(tmp_path: Path, path: str) -> None:
    """As without."""
    with secure(tmp_path) as (server, ca_file):
        result = ask(server, path, "-S", "--ca-file", ca_file, "-t", "0.3")
        assert (result.state, result.expired) == (CRITICAL, True), result


@contextmanager
def silent() -> Iterator[str]:
    """Listen, and leave every connection to the kernel."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        yield str(listener.getsockname()[1])


def test_a_server_that_speaks_no_tls_is_told(server: RawHttp) -> None:
    """And one that says nothing in the handshake expires."""
    result = ask(server, "/plain", "-S", "--insecure")
    assert (result.state, "no TLS with 127.0.0.1" in result.text) == (CRITICAL, True), result
    with silent() as port:
        result = oneshot(http_digest, "-H", "127.0.0.1", "-p", port, "-S", "-t", "0.2")
    assert (result.state, result.expired) == (CRITICAL, True), result


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
