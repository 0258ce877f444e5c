"""What does chk_postgres_role make of a server that is none, or that lies?"""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from checks.postgres_role import postgres_role
from tests.checks.postgres import ask, eventually
from tests.commands import start
from tests.drive import oneshot
from tests.servers import misbehaving as servers
from vipwarden.core.result import CRITICAL

if TYPE_CHECKING:
    import socket
    from pathlib import Path


pytestmark = pytest.mark.usefixtures("secret")
OFFER = b"R\0\0\0\x17\0\0\0\x0aSCRAM-SHA-256\0\0"
IN = b"R\0\0\0\x08\0\0\0\0Z\0\0\0\5I"


class TestLiars:
    """Servers that are mute, drip, pour, lie or cut off."""

    @pytest.mark.parametrize(
        ("behave", "said"),
        [
            (servers.hold, "no answer from"),
            (servers.drip(IN, 0.2), "within"),
            (servers.pour, "which is no PostgreSQL message"),
            (servers.hang_up, "127.0.0.1"),
            (servers.reset, "127.0.0.1"),
            (servers.answer(b"SSH-2.0-Test\r\n"), "sent 'SSH-2.0-Test"),
            (servers.answer(b"R\xff\xff\xff\xff"), "which is no PostgreSQL message"),
            (servers.answer(b"R\0\0\0\3"), "which is no PostgreSQL message"),
            (servers.answer(b"R\0\0\xff\xff"), "no answer from"),
            (servers.answer(b"R\0\0\0\x08\0\0\0\7"), "wants a login by GSSAPI"),
            (servers.answer(b"R\0\0\0\x08\0\0\0\x63"), "wants a login by method 99"),
            (servers.answer(OFFER.replace(b"256\0", b"999\0")), "does not offer SCRAM-SHA-256"),
            (servers.answer(OFFER + IN), "wants a login by method 0"),
            (servers.answer(OFFER + b"R\0\0\0\x08\0\0\0\x0b"), "sent a challenge that is not of SCRAM"),
            (servers.answer(OFFER + b"R\0\0\0\x0c\0\0\0\x0cv=xx"), "does not prove that it knows the password"),
            (servers.answer(b"S\0\0\0\6a\0" * 300), "does not end the login"),
            (servers.answer(b"T\0\0\0\4"), "sent the message b'T' during the login"),
            (servers.answer(b"E\0\0\0\x15C57P03\0Mno\x1b[2Jno\0\0"), "answered error 57P03: no [2Jno"),
            (servers.answer(b"E\0\0\0\4"), "answered error ?????"),
            (servers.answer(IN), "no answer from"),
            (servers.answer(IN + b"Z\0\0\0\5I"), "answered with 0 columns"),
            (servers.answer(IN + b"D\0\0\0\x0a\xff\xff\0\0\0\1"), "sent a row that is cut short"),
            (servers.answer(IN + b"D\0\0\0\6\xff\xff"), "sent a row that is cut short"),
            (servers.answer(IN + b"N\0\0\0\4" * 300), "does not end its answer"),
            (servers.answer(IN + b"G\0\0\0\4"), "sent the message b'G' in place of a row"),
        ],
    )
    def test_what_is_no_answer_is_critical(self, behave: servers.Behaviour, said: str) -> None:
        """With what came, as one line."""
        with servers.Server(behave) as server:
            result = ask(server.port, "-u", "x", "-t", "0.5")
        assert (result.state, said in result.text) == (CRITICAL, True), result
        assert result.text.isprintable()

    @pytest.mark.parametrize(
        ("data", "said"),
        [
            (b"N", "offers no TLS"),
            (b"E\0\0\0\4", "answered the request for TLS with b'E'"),
            (b"S" + IN, "no TLS with"),
            (b"", "no answer"),
        ],
    )
    def test_no_password_goes_out_without_tls(self, data: bytes, said: str) -> None:
        """Where TLS was asked for."""
        with servers.Server(servers.answer(data)) as server:
            result = ask(server.port, "-u", "x", "-S", "-t", "0.5")
        assert (result.state, said in result.text) == (CRITICAL, True), result

    @pytest.mark.parametrize("end", ["deadline", "signal"])
    def test_whoever_is_inside_leaves_by_terminate(self, end: str, tmp_path: Path) -> None:
        """Also while the answer is awaited."""
        heard: list[bytes] = []

        def behave(_server: servers.Server, client: socket.socket) -> None:
            client.sendall(IN)
            while more := client.recv(4096):
                heard.append(more)

        with servers.Server(behave) as server:
            line = ("-H", "127.0.0.1", "-p", str(server.port), "-u", "x")
            if end == "deadline":
                assert oneshot(postgres_role, *line, "-t", "0.3").expired
            else:
                with start(tmp_path, "chk_postgres_role", *line, "-t", "60") as process:
                    assert eventually(lambda: b"SELECT" in b"".join(heard))
                    process.terminate()
                    assert process.wait(20) == 1
        assert b"".join(heard).endswith(b"X\0\0\0\4")

    def test_a_port_where_nobody_listens(self) -> None:
        """It is closed."""
        with servers.closed() as server:
            result = ask(server.port)
        assert (result.state, "is closed" in result.text) == (CRITICAL, True)
