"""Does chk_http_digest trust only the server that it is to trust?"""

from __future__ import annotations

import socket
from contextlib import contextmanager
from typing import TYPE_CHECKING

import pytest

from checks.http_digest import http_digest
from tests.checks.http_digest import HELLO, PAGES, ask, serving
from tests.drive import oneshot
from tests.servers.certificate import self_signed
from tests.servers.raw_http import RawHttp, raw_http
from vipwarden.core.result import CRITICAL, OK

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path


@contextmanager
def secure(folder: Path) -> Iterator[tuple[RawHttp, str]]:
    """Serve the pages with TLS, under a certificate for web.test and 127.0.0.1."""
    certificate, key = self_signed(folder)
    with raw_http(PAGES, certificate=(certificate, key)) as server:
        yield server, str(certificate)


@pytest.fixture(scope="module")
def server() -> Iterator[RawHttp]:
    """Serve the pages that there are."""
    with serving() as running:
        yield running


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
