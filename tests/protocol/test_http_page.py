"""Is whatever a web server sends a response or its fault, and whatever an operator writes a value or refused?"""

from __future__ import annotations

import json
from contextlib import suppress

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from vipwarden.core.options import UsageError
from vipwarden.core.result import CRITICAL
from vipwarden.net.stream import NetError
from vipwarden.protocol.http.codec import Header
from vipwarden.protocol.http.json_value import JsonValue, parse
from vipwarden.protocol.http.options import VirtualHost
from vipwarden.protocol.http.page import Content
from vipwarden.protocol.http.redirect import target
from vipwarden.protocol.http.request import Field, Method, request
from vipwarden.protocol.http.server import Server
from vipwarden.protocol.http.wanted import WantedField

PARTS = st.sampled_from(
    ["http", "https", "ftp", ":", "/", "//", "@", "www.test", "[", "]", "::1", "?", "#", "80", "%", "ÿ"]
)
LOCATIONS = st.lists(PARTS | st.text(max_size=4), max_size=8).map("".join)
SERVER = Server("192.0.2.1", 8080, VirtualHost("www.test"))


@given(LOCATIONS.filter(lambda text: all(char < "\u0100" for char in text)), st.sampled_from(["same-host", "follow"]))
@example("//www.test:8080/x", "same-host")
@example("http://user:secret@www.test/", "follow")
def test_a_redirect_leads_somewhere_or_is_refused(location: str, redirects: str) -> None:
    """To a server that can be asked; one to the same host stays at its address."""
    refusal = None
    try:
        server, path = target(SERVER, "/a/b", location, redirects)
    except NetError as error:
        refusal = error.result("x")
    if refusal is not None:
        assert (refusal.state, refusal.text.isprintable()) == (CRITICAL, True)
        return
    assert path.startswith("/")
    assert path.isascii()
    assert "user" not in str(server.virtualhost)
    assert redirects == "follow" or server.host == "192.0.2.1"
    sent = request("GET", path, server.virtualhost or server.authority, {}, None)
    assert sent.count(b"\r\n") == 6


@pytest.mark.parametrize(
    ("location", "url", "virtualhost"),
    [
        ("c", "http://192.0.2.1:8080/a/c", "www.test"),
        ("?q=1", "http://192.0.2.1:8080/a/b?q=1", "www.test"),
        ("//WWW.test:8080/x#y", "http://192.0.2.1:8080/x", "www.test"),
        ("https://www.test/", "https://192.0.2.1/", "www.test"),
        ("http://www.test:8081/", "http://192.0.2.1:8081/", "www.test:8081"),
        ("http://192.0.2.1:8080/", "http://192.0.2.1:8080/", "www.test"),
        ("http://[::1]:90/", "http://[::1]:90/", "[::1]:90"),
    ],
)
def test_where_a_redirect_leads(location: str, url: str, virtualhost: str) -> None:
    """Relative and absolute; the name of the server stands for its address."""
    server, path = target(SERVER, "/a/b", location, "follow")
    assert server.url(path) == url
    assert str(server.virtualhost).lower() == virtualhost


VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=3), inner, max_size=3),
    max_leaves=8,
)


@given(VALUES)
def test_every_value_of_a_document_has_a_path(document: object) -> None:
    """And is equal to its own text; not to another one."""
    found = parse(json.dumps(document).encode())
    for path, value in paths(document):
        if '"]' in path.replace('"][', "").removesuffix('"]') or "=" in path:
            continue
        text = value if isinstance(value, str) else json.dumps(value)
        assert JsonValue(f"{path}={text}").fault(found) == ""
        assert JsonValue(f"{path}={text}x").fault(found) != ""
        assert JsonValue(f'{path}["none of these"]').fault(found) != ""


def paths(value: object, path: str = "$") -> list[tuple[str, object]]:
    """Return all values below one, with their paths."""
    inner: list[tuple[str, object]] = [(path, value)]
    if isinstance(value, dict):
        for name, below in value.items():
            inner += paths(below, f'{path}["{name}"]')
    if isinstance(value, list):
        for index, below in enumerate(value):
            inner += paths(below, f"{path}[{index}]")
    return inner


@given(st.text(alphabet="a.[]\"'$=-0", max_size=12) | st.text(max_size=12), st.binary(max_size=30))
@example("$", b"[" * 100_000)
@example("$", b"9" * 100_000)
@example("a", b"\xff")
def test_any_path_and_any_document(path: str, document: bytes) -> None:
    """ValueError is the only error."""
    with suppress(ValueError):
        JsonValue(path).fault(parse(document))


@given(st.text(max_size=30))
@example("A: b\r\nC: d")
@example("Authorization: secret")
def test_any_text_as_an_option(text: str) -> None:
    """Is refused, or stays in its line of the request."""
    for kind in (Field, Method, WantedField):
        with suppress(ValueError):
            value = kind(text)
            assert kind is WantedField or not {"\r", "\n"} & {*value}
    with pytest.raises(UsageError):
        Field(f"authorization:{text}")


@given(st.binary(max_size=60), st.binary(max_size=60), st.booleans())
def test_any_response(head: bytes, body: bytes, closed: bool) -> None:
    """Is read, or has a fault."""
    content = Content(Header(b"HTTP/1.1 200 OK\r\n" + head + b"\r\n\r\n"), False, 1000)
    content.feed(body)
    assert isinstance(content.flaw(closed or content.complete), str)
    assert len(content.content) <= 1001
