"""Does a real nginx get from chk_http_page the verdict that it deserves?"""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from checks.http_page import http_page
from tests.agent.drive import resident
from tests.checks.http_page import page
from tests.commands import run
from tests.drive import oneshot
from tests.servers.certificate import self_signed
from tests.servers.nginx import nginx
from tests.servers.raw_http import raw_http
from vipwarden.core.result import CRITICAL, OK, WARNING, State

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path


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
