"""Where may the exporter be told to listen?"""

from __future__ import annotations

import inspect
import re

import pytest

from exporter.settings import settings
from vipwarden.config.document import SECTIONS, ConfigError, Document
from vipwarden.core.listen import Listen
from vipwarden.core.options import options
from vipwarden.state import paths


@pytest.mark.parametrize(
    ("text", "host", "port"),
    [
        ("127.0.0.1:9877", "127.0.0.1", 9877),
        ("[::1]:9877", "::1", 9877),
        ("lb1.example.net:80", "lb1.example.net", 80),
        (":9877", "", 9877),
        (" localhost:0 ", "localhost", 0),
    ],
)
def test_an_address_to_listen_on_has_a_host_and_a_port(text: str, host: str, port: int) -> None:
    """And is written again as it was read."""
    listen = Listen(text)
    assert (listen.host, listen.port) == (host, port)
    assert str(listen) == text.strip()
    assert listen == Listen(text)


@pytest.mark.parametrize("text", ["", "127.0.0.1", "::1:9877", "a:b", "a:70000", "a:-1", "[::1]", "9877", "a:²"])
def test_what_is_no_address_says_what_one_looks_like(text: str) -> None:
    """With an example."""
    with pytest.raises(ValueError, match="such as"):
        Listen(text)


def test_nothing_has_to_be_set() -> None:
    """On loopback, with the verdicts of this user's checks."""
    known = settings()
    assert [str(one) for one in known.listen] == ["127.0.0.1:9877"]
    assert known.verdicts == (paths.verdicts(),)


def test_the_signature_is_the_section_of_the_configuration() -> None:
    """Each option has its line of help."""
    helped = [line.strip().partition(":")[0] for line in inspect.getdoc(settings).split("\n")[2:]]  # type: ignore[union-attr]
    assert helped == list(options(settings))


@pytest.mark.parametrize(
    ("line", "wanted"),
    [
        ("peers: [lb2=https://lb2, lb3]", "exporter.peers is 'lb3', but [NAME=]http://HOST[:PORT] or"),
        ("peer_ca_fil: /x", "exporter.peer_ca_fil is not known; .*; did you mean 'peer_ca_file'"),
        ("peers: http://u:secret@lb2", "exporter.peers user and password of a peer belong into peer_auth_file"),
        ("peer_auth_file: auth", "exporter.peer_auth_file is 'auth', but the absolute path"),
    ],
)
def test_a_mistake_about_peers_has_its_line_and_key(line: str, wanted: str) -> None:
    """And never a password."""
    document = Document("vipwarden.yaml", f"exporter:\n  {line}\n", sections=SECTIONS)
    with pytest.raises(ConfigError, match=re.escape("vipwarden.yaml:2: ") + wanted.replace("[", r"\[")) as error:
        document.section("exporter", settings)
    assert "secret" not in str(error.value)
