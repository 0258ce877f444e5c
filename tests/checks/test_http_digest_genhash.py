"""Is the digest of a page, and the request for it, that of keepalived's own genhash?"""

from __future__ import annotations

import gzip
import hashlib
import subprocess
from typing import TYPE_CHECKING

import pytest

from checks.http_digest import http_digest
from tests.checks.http_digest import HELLO, PAGES, ask, digest, genhash, serving
from tests.commands import program
from tests.drive import oneshot
from tests.servers.certificate import self_signed
from tests.servers.nginx import nginx
from tests.servers.raw_http import RawHttp, raw_http
from vipwarden.core.result import OK

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path


@pytest.fixture(scope="module")
def server() -> Iterator[RawHttp]:
    """Serve the pages that there are."""
    with serving() as running:
        yield running


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


def test_the_digest_over_tls_is_that_of_genhash(web: tuple[Path, list[str]]) -> None:
    """From nginx, a page of 2 MB."""
    folder, ports = web
    where = ("-H", "127.0.0.1", "-p", ports[2], "-u", "/long", "-S", "--ca-file", f"{folder}/web.test.crt")
    assert digest(oneshot(http_digest, *where)) == genhash(ports[2], "/long", "-S")
