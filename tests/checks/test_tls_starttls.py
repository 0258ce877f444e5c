"""Is the certificate seen that comes after STARTTLS, and is a server told from one that refuses it?"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

import pytest

from checks.tls import tls
from tests.agent.drive import resident
from tests.drive import oneshot
from tests.servers import misbehaving
from tests.servers.certificate import issue, self_signed, shown
from tests.servers.mariadb import FAR, mariadb
from tests.servers.postgres import postgres
from tests.servers.starttls import servers
from vipwarden.core.result import CRITICAL, OK

if TYPE_CHECKING:
    import socket
    from collections.abc import Callable, Iterator
    from pathlib import Path


@pytest.fixture(scope="module")
def upgraded(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[dict[str, int], str]]:
    """Run a real server of each protocol; yield their ports, and the file of the CA."""
    folder = tmp_path_factory.mktemp("starttls")
    certificate, key = self_signed(folder)
    with servers(folder, certificate, key) as ports:
        yield ports, str(certificate)


@pytest.mark.parametrize("protocol", ["smtp", "imap", "pop3", "ftp", "ldap"])
def test_a_real_server_after_starttls(upgraded: tuple[dict[str, int], str], protocol: str) -> None:
    """Of nginx, vsftpd and slapd; and one that offers no TLS."""
    ports, ca_file = upgraded
    words = ("-H", "127.0.0.1", "--starttls", protocol, "--sni", "web.test", "--ca-file", ca_file)
    for drive in (oneshot, resident):
        result = drive(tls, "-p", str(ports[protocol]), *words)
        assert result.state == OK, result
        assert "valid certificate 'web.test'" in result.text
        result = drive(tls, "-p", str(ports[f"no {protocol}"]), *words)
        assert (result.state, result.expired) == (CRITICAL, False), result
        assert any(word in result.text for word in ("offers no", "answered", "refused TLS")), result


def test_mariadb_counts_no_connect_error() -> None:
    """However often it is asked, with a valid certificate and without."""
    with mariadb("--max-connect-errors=2", far=True) as server, server.inside():
        server.query("CREATE USER nobody@'%' IDENTIFIED BY 'secret'")
        where = ("-H", FAR, "-p", str(server.port), "--starttls", "mysql")
        for _ in range(4):
            result = oneshot(tls, *where, "--ca-file", server.ca_file)
            assert result.state == OK, result
            assert oneshot(tls, *where).state == CRITICAL
        errors = server.query("SELECT SUM_CONNECT_ERRORS n FROM performance_schema.host_cache")
    assert [row["n"] for row in errors] in ([], [0])


def test_postgres_logs_nothing_that_looks_like_an_attack(tmp_path: Path) -> None:
    """Neither an incomplete startup packet nor an error of TLS."""
    root = issue("Root CA", authority=True, days=500, identified=True, usage=True)
    certificate, key = shown((issue("web.test", root, days=30.5),), tmp_path)
    certificate.rename(tmp_path / "server.pem")
    key.rename(tmp_path / "server.key")
    words = ("--starttls", "postgres", "--sni", "web.test", "--ca-file", str(root.write(tmp_path / "root.pem")))
    with postgres(certificate=tmp_path) as server:
        for drive in (oneshot, resident):
            result = drive(tls, "-H", "127.0.0.1", "-p", str(server.port), *words)
            assert result.state == OK, result
            assert drive(tls, "-H", "127.0.0.1", "-p", str(server.port), *words[:2]).state == CRITICAL
        server.query("SELECT 1")
        log = server.log.read_text()
    assert not re.search("incomplete|could not|SSL error", log), log


def says(*steps: bytes) -> misbehaving.Behaviour:
    """Say the first text at once, and each other one after a line of the client."""

    def behave(server: misbehaving.Server, client: socket.socket) -> None:
        client.sendall(steps[0])
        for step in steps[1:]:
            client.recv(4096)
            client.sendall(step)
        misbehaving.hold(server, client)

    return behave


@pytest.mark.parametrize(
    ("protocol", "steps", "text"),
    [
        ("smtp", (b"554 go away\r\n",), "answered '554 go away', not 220"),
        ("smtp", (b"220 hi\r\n", b"250-a\r\n250 STARTTLSX\r\n"), "offers no STARTTLS"),
        ("smtp", (b"220 hi\r\n", b"250 STARTTLS\r\n", b"220 go\r\n250 injected\r\n"), "sent data in clear after"),
        ("smtp", (b"220-" + b"x" * 70_000,), "and no line of its protocol"),
        ("smtp", (b"220-\x1b[2J\0\r\n220 \xff\r\n", b"500 \x1b[2J\0\xff\r\n"), "not 250"),
        ("imap", (b"* BYE no\r\n",), "answered '* BYE no', not * OK"),
        ("imap", (b"* OK hi\r\n", b"* x\r\na BAD what\r\n"), "answered 'a BAD what', not OK"),
        ("pop3", (b"-ERR no\r\n",), "answered '-ERR no', not +OK"),
        ("pop3", (b"+OK\r\n", b"-ERR what\r\n"), "answered '-ERR what', not +OK"),
        ("ftp", (b"220-a\r\n220-b\r\n220 c\r\n", b"530 Please login\r\n"), "answered '530 Please login', not 234"),
        ("ldap", (b"", b"HTTP/1.1 400"), "answered no LDAP"),
        (
            "ldap",
            (b"", b"\x30\x0c\x02\x01\x01\x78\x07\x0a\x01\x34\x04\0\x04\0"),
            "refused TLS with LDAP's result code 52",
        ),
        ("ldap", (b"", b"\x30\x84\xff\xff\xff\xff"), "answered no LDAP"),
        ("ldap", (b"", b"\x30\x04\x02\x01\x01\x78"), "answered no LDAP"),
        ("postgres", (b"", b"N"), "offers no TLS"),
        ("postgres", (b"", b"EFATAL"), "answered b'E', not as PostgreSQL does"),
        ("postgres", (b"", b"SHTTP/1.1 400 Bad Request\r\n\r\n"), "no TLS with"),
        ("mysql", (b"HTTP/1.1 400 Bad Request\r\n\r\n",), ""),
    ],
)
def test_what_refuses_tls_is_critical(protocol: str, steps: tuple[bytes, ...], text: str) -> None:
    """And what it says instead is shown, bounded."""
    with misbehaving.Server(says(*steps)) as server:
        words = ("-H", "127.0.0.1", "-p", str(server.port), "--starttls", protocol, "--insecure", "-t", "3")
        result = oneshot(tls, *words)
    assert (result.state, result.expired) == (CRITICAL, False), result
    assert text in result.text
    assert result.text.isprintable()
    assert len(result.text) < 300


@pytest.mark.parametrize("serve", [misbehaving.mute, misbehaving.dripping])
@pytest.mark.parametrize("protocol", [None, "smtp", "imap", "pop3", "ftp", "ldap", "mysql", "postgres"])
def test_the_deadline_holds(serve: Callable[[], misbehaving.Server], protocol: str | None) -> None:
    """Against silence and a byte a second."""
    with serve() as server:
        starttls = ("--starttls", protocol) if protocol else ()
        result = oneshot(tls, "-H", "127.0.0.1", "-p", str(server.port), "--insecure", "-t", "0.2", *starttls)
    assert result.state == CRITICAL
    assert result.expired or b"x" * 2 in result.text.encode() or "'x'" in result.text, result
