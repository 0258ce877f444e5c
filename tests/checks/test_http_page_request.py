"""What does chk_http_page send, with whose credentials, and what is refused before?"""

from __future__ import annotations

import base64
from typing import TYPE_CHECKING

import pytest

from checks.http_page import http_page
from tests.checks.http_page import TOKEN, ask, serving
from tests.drive import oneshot
from vipwarden.core.options import UsageError
from vipwarden.core.result import UNKNOWN

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from tests.servers.raw_http import RawHttp


@pytest.fixture(scope="module")
def server() -> Iterator[RawHttp]:
    """Serve the pages that there are."""
    with serving() as running:
        yield running


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
