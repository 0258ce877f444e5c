"""The MySQL ping against servers that are slow, hostile, or none that can be installed."""

from __future__ import annotations

import functools
import ssl
import threading
import time
from typing import TYPE_CHECKING

import pymysql
import pytest

from checks.mysql_ping import mysql_ping
from tests.checks.mysql import asleep, eventually, ping, server_context
from tests.commands import FAR, start
from tests.drive import oneshot
from tests.servers.fake_mysql import DENIED, CachingSha2, Connection, greeting, serve
from tests.servers.fake_mysql import OK as ACCEPTED
from tests.servers.mariadb import certificates
from vipwarden.core.result import CRITICAL, OK
from vipwarden.protocol.mysql.codec import frame, login

if TYPE_CHECKING:
    from pathlib import Path

pytestmark = pytest.mark.usefixtures("password")


@pytest.fixture(scope="module")
def tls_server(tmp_path_factory: pytest.TempPathFactory) -> ssl.SSLContext:
    """Make the settings of a TLS server."""
    folder = tmp_path_factory.mktemp("tls")
    certificates(folder)
    return server_context(folder)


class TestCachingSha2:
    """The method of MySQL 8, which PyMySQL finds the same fake server to speak."""

    @pytest.mark.parametrize("cached", [True, False])
    @pytest.mark.parametrize("given", ["secret", "wrong"])
    def test_the_fake_server_is_one_to_pymysql(self, cached: bool, given: str, tls_server: ssl.SSLContext) -> None:
        """By RSA, by TLS and from the cache it takes the right password and no other."""
        for tls in (None, ssl._create_unverified_context()):
            with serve(CachingSha2(b"secret", cached, tls_server)) as port:
                connect = functools.partial(pymysql.connect, host="127.0.0.1", port=port, user="x", password=given)
                if given == "secret":
                    with connect(ssl=tls) as connection:
                        connection.ping(reconnect=False)
                else:
                    with pytest.raises(pymysql.err.OperationalError, match="Access denied"):
                        connect(ssl=tls)

    def test_the_quick_way_needs_no_tls(self) -> None:
        """The server remembers who has logged in before."""
        with serve(CachingSha2(b"secret", cached=True)) as port:
            assert ping(port, "-u", "x").state == OK

    def test_the_full_way_goes_over_tls_and_the_unix_socket(self, tls_server: ssl.SSLContext, tmp_path: Path) -> None:
        """There the password may be sent as it is."""
        with serve(CachingSha2(b"secret", cached=False, context=tls_server)) as port:
            assert ping(port, "-u", "x", "--insecure").state == OK
        path = str(tmp_path / "s")
        with serve(CachingSha2(b"secret", cached=False, local=True), path):
            assert oneshot(mysql_ping, "-s", path, "-u", "x").state == OK

    def test_the_full_way_in_clear_is_refused_with_advice(self) -> None:
        """The password is not sent; the server gets what it takes for a wrong one."""
        fake = CachingSha2(b"secret", cached=False)
        with serve(fake) as port:
            result, ignored = ping(port, "-u", "x"), ping(port, "-u", "x", "-n")
        assert result.state == CRITICAL
        assert "asks for the password in full, which needs TLS (-S) or the unix socket (-s)" in result.text
        assert ignored.state == OK
        assert fake.answers == [b"\0", b"\0"]

    def test_a_password_in_clear_is_not_given_to_who_asks(self, tls_server: ssl.SSLContext) -> None:
        """mysql_clear_password is spoken inside of TLS alone."""
        answers = []

        def handle(connection: Connection) -> None:
            connection.write(greeting(tls=True))
            if connection.read()[1] & 0x8:
                connection.sock = tls_server.wrap_socket(connection.sock, server_side=True)
                connection.read()
            connection.write(b"\xfemysql_clear_password\0")
            answers.append(connection.read())
            connection.write(ACCEPTED if answers[-1] == b"secret\0" else DENIED)
            connection.read()
            connection.write(ACCEPTED)
            connection.read()

        with serve(handle) as port:
            assert ping(port, "-u", "x").state == CRITICAL
            assert ping(port, "-u", "x", "--insecure").state == OK
        assert answers == [b"\0", b"secret\0"]


class TestDeadline:
    """Whatever the server does, the run ends in time."""

    @staticmethod
    def drip(connection: Connection) -> None:
        """Send a greeting of many bytes, one at a time."""
        for byte in frame(greeting(version=b"8" * 5000), 0):
            connection.sock.sendall(bytes((byte,)))
            time.sleep(0.02)

    @pytest.mark.parametrize(
        ("steps", "arguments"),
        [
            ([], ""),
            ([b""], ""),
            ([greeting()], ""),
            ([greeting(), b"\xfemysql_native_password\0" + b"x" * 21], ""),
            ([greeting(), b"\1\3"], ""),
            ([greeting(), b"\1\4"], ""),
            ([greeting(), ACCEPTED], ""),
            ([greeting(tls=True)], "--insecure"),
            ([greeting(b"mysql_native_password")], ""),
        ],
    )
    def test_a_server_that_hangs_after_any_step(self, steps: list[bytes], arguments: str) -> None:
        """The result comes at the deadline and is marked as expired."""

        def handle(connection: Connection) -> None:
            for step in steps:
                if step:
                    connection.write(step)
                    connection.read()
                else:
                    connection.sock.sendall(b"\x40")
            connection.rest()

        with serve(handle) as port:
            begun = time.monotonic()
            result = ping(port, "-u", "x", "-t", "0.15", *arguments.split())
            assert time.monotonic() - begun < FAR
        assert result.state == CRITICAL
        assert result.expired
        assert "within 0.15 s" in result.text

    def test_a_server_that_drips(self) -> None:
        """A byte now and then does not prolong the run."""
        with serve(self.drip) as port:
            begun = time.monotonic()
            assert ping(port, "-t", "0.2").expired
            assert time.monotonic() - begun < FAR

    @pytest.mark.parametrize(
        ("first", "sequence", "payload"),
        [
            (b"", 1, login(b"", b"", "mysql_native_password")),
            (greeting(), 3, bytes(20)),
            (greeting(b"mysql_native_password"), 3, bytes(64)),
        ],
    )
    @pytest.mark.parametrize("end", ["deadline", "signal"])
    def test_whoever_leaves_leaves_an_answer(
        self, first: bytes, sequence: int, payload: bytes, end: str, tmp_path: Path
    ) -> None:
        """A whole login of nobody, or a wrong answer to what it may ask next, is what it finds later."""
        heard: list[bytes] = []
        there = threading.Event()

        def handle(connection: Connection) -> None:
            if first:
                connection.write(first)
                connection.read()
            there.set()
            heard.append(connection.rest())

        with serve(handle) as port:
            if end == "deadline":
                assert ping(port, "-u", "x", "-t", "0.5").expired
            else:
                with start(tmp_path, "chk_mysql_ping", "-P", str(port), "-u", "x", "-t", "20") as process:
                    assert there.wait(20)
                    assert eventually(lambda: asleep(process.pid))
                    process.terminate()
                    assert process.wait(10) == 1
            assert eventually(lambda: bool(heard))
        assert heard == [frame(payload, sequence)]


class TestHostile:
    """What is not MySQL, or does not mean well."""

    @pytest.mark.parametrize(
        ("raw", "said"),
        [
            (b"SSH-2.0-OpenSSH_9.2\r\n", "sent 'SSH-', which is no MySQL packet"),
            (b"\xff\xff\xff\0", "which is no MySQL packet"),
            (b"\1\0\0\7\x0a", "sent packet 7 where 0 was due"),
            (b"\0\0\0\0", "sent an empty greeting"),
            (b"\2\0\0\0\x09x", "greets with protocol 9, not 10"),
            (b"\1\0\0\0\xff", "sent an error that is cut short"),
            (b"\x0a\0\0\0\xff\x6a\x04no\x1b[2Jno", "answered error 1130: no [2Jno"),
            (b"", "closed the connection after 0 of 4 bytes"),
        ],
    )
    def test_a_greeting_that_is_none(self, raw: bytes, said: str) -> None:
        """The operator sees what came, without what a terminal would obey."""
        with serve(lambda connection: connection.sock.sendall(raw)) as port:
            result = ping(port)
        assert result.state == CRITICAL
        assert (said in result.text) is (b"\xff\x6a" not in raw), result
        assert result.text.isprintable()

    @pytest.mark.parametrize(
        ("replies", "said"),
        [
            ([b"\xfb/etc/passwd"], "answered the login with"),
            ([b"\xfbx", b"x"], "answered the login with"),
            ([b""], "answered the login with"),
            ([b"\xfemysql_native_password\0short"], "sent a challenge for mysql_native_password that is cut short"),
            ([b"\xfemysql_native_password\0" + b"x" * 21] * 20, "does not end the login"),
            ([b"\1\3" * 1] * 20, ""),
            ([b"\xfe"] * 20, "does not end the login"),
            ([ACCEPTED, b"\xfb/etc/passwd"], "answered the ping with"),
            ([ACCEPTED, b"\xff\x1d\x04#08S01Server shutdown in progress"], "answered error 1053: Server shutdown"),
        ],
    )
    def test_answers_that_are_none(self, replies: list[bytes], said: str) -> None:
        """No file is sent, no loop is endless, and what came is said."""

        def handle(connection: Connection) -> None:
            connection.write(greeting())
            for reply in replies:
                if not reply.startswith(b"\1\3") or connection.sequence < 3:
                    connection.read()
                connection.write(reply)

        with serve(handle) as port:
            result = ping(port, "-u", "x", "-t", "1")
        assert result.state == CRITICAL
        assert said in result.text
