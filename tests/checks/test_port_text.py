"""Does what a server says to chk_port count, and does it all end in time?"""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

import pytest

from tests.checks.port import ask
from tests.commands import FAR
from tests.servers import misbehaving as servers
from vipwarden.core.result import CRITICAL, OK

if TYPE_CHECKING:
    import socket
    from collections.abc import Callable


SSH = "SSH-2.0-Test"


def test_what_comes_back_must_be_what_is_expected() -> None:
    """A wrong answer is CRITICAL and quoted, whichever way the server goes on."""
    with servers.greeting() as server:
        assert ask(server, "-e", SSH).state == OK
        wrong = ask(server, "-e", "220 ", "-t", "0.2")
    assert (wrong.state, wrong.expired) == (CRITICAL, True)
    assert rf"is open but sent '{SSH}\r\n', not '220 '" in wrong.text
    with servers.leaving() as server:
        assert "is open but sent nothing, not 'x'" in ask(server, "-e", "x").text


def test_text_is_sent_with_escapes_and_bytes_come_back() -> None:
    r"""\r \n \t \0 \\ and \xHH reach the wire as bytes, and are compared as bytes."""
    with servers.Server(servers.echo) as server:
        for text in (r"GET / HTTP/1.0\r\n\r\n", r"\x00\xff\0\t\\x", "grün"):
            assert ask(server, "-s", text, "-e", text, "-t", "2").state == OK
        assert ask(server, "-s", r"\x41", "-e", r"\x42", "-t", "0.2").state == CRITICAL


def test_an_expected_text_may_come_in_pieces() -> None:
    """A text is found across any number of packets."""
    with servers.Server(servers.drip(b"one two three", 0.005)) as server:
        assert ask(server, "-e", "two thr").state == OK


def test_hostile_bytes_come_out_as_one_printable_line() -> None:
    """Whatever a peer sends is quoted: no control character reaches a log or a terminal."""
    with servers.binary() as server:
        result = ask(server, "-e", "x", "-t", "0.2")
    assert result.text.isprintable()
    assert r"\x00\xff|\n" in result.text
    assert len(result.text) < 300


@pytest.mark.parametrize(
    ("make", "said"),
    [
        (servers.mute, "no answer from"),
        (servers.dripping, "is open but sent 'x', not 'hello'"),
        (servers.Server, ""),
    ],
    ids=["accepts and says nothing", "drips a byte a second", "drips fast"],
)
def test_the_deadline_holds_against(make: Callable[..., servers.Server], said: str) -> None:
    """-t is for the whole run, fractions and all."""
    server = servers.Server(servers.drip(b"x" * 60_000, 0.002)) if make is servers.Server else make()
    with server:
        begun = time.monotonic()
        result = ask(server, "-e", "hello", "-t", "0.35")
        taken = time.monotonic() - begun
    assert (result.state, result.expired) == (CRITICAL, True)
    assert said in result.text
    assert 0.34 < taken < FAR


def test_a_server_that_never_ends_is_not_read_for_ever() -> None:
    """64 KiB without the expected text are enough to say so, quickly and in a short line."""
    with servers.endless() as server:
        result = ask(server, "-e", "hello", "-t", "60")
    assert (result.state, result.expired) == (CRITICAL, False)
    assert len(result.text) < 300


def test_a_server_that_takes_nothing_meets_the_deadline() -> None:
    """Sending waits no longer than receiving."""

    def ignore(server: servers.Server, _client: socket.socket) -> None:
        server.stopped.wait()

    with servers.Server(ignore) as server:
        result = ask(server, "-s", "x" * 8_000_000, "-t", "0.3")
    assert (result.state, result.expired) == (CRITICAL, True)
    assert "took no more data" in result.text


def test_a_connection_cut_off_is_said_to_be() -> None:
    """A reset is no answer."""
    with servers.resetting() as server:
        result = ask(server, "-e", "x")
    assert result.state == CRITICAL
    assert "cut the connection off" in result.text or "Connection reset" in result.text
