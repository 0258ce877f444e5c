"""Does an rsync daemon serve a module, and is a file in it fresh? Of a real daemon, and of liars."""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING

import pytest

from checks.rsync_module import rsync_module
from tests.agent.drive import resident
from tests.checks.mysql import eventually
from tests.drive import oneshot
from tests.servers import misbehaving as servers
from tests.servers.rsync import Rsync, rsync
from vipwarden.core.options import UsageError
from vipwarden.core.result import CRITICAL, OK, UNKNOWN, WARNING, Result, State

if TYPE_CHECKING:
    import socket
    from collections.abc import Iterator
    from pathlib import Path

LOADS = """vipwarden.net.secret vipwarden.protocol vipwarden.protocol.hashes vipwarden.protocol.rsync
    vipwarden.protocol.rsync.codec vipwarden.protocol.rsync.session vipwarden.protocol.wire"""


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Rsync]:
    """Run one for all."""
    with rsync(tmp_path_factory.mktemp("rsync")) as running:
        yield running


@contextmanager
def healthy(folder: Path) -> Iterator[str]:
    """Yield options with which the check is OK."""
    with rsync(folder / "data") as running:
        yield f"-p {running.port} -m open --stamp stamp"


def ask(port: int, *arguments: str) -> Result:
    """Ask a daemon by its port, on either driver."""
    results = [drive(rsync_module, "-p", str(port), *arguments) for drive in (oneshot, resident)]
    assert results[0].state == results[1].state
    return results[0]


def login(folder: Path, password: str = "secret", mode: int = 0o600) -> tuple[str, ...]:
    """Return the options to log in."""
    path = folder / "password"
    path.write_text(f"{password}\n")
    path.chmod(mode)
    return "-u", "monitor", "-f", str(path)


@pytest.mark.parametrize(
    ("arguments", "state", "text"),
    [
        ("", OK, "127.0.0.1:PORT lists 5 modules ("),
        ("-m open", OK, "127.0.0.1:PORT serves open ("),
        ("-m open --listed", OK, "serves open ("),
        ("-m open -w 0", WARNING, "serves open ("),
        ("-m open -c 0", CRITICAL, "serves open ("),
        ("-m hidden", OK, "serves hidden ("),
        ("-m hidden --listed", CRITICAL, "127.0.0.1:PORT lists 5 modules, and hidden is none of them"),
        ("-m none", CRITICAL, "127.0.0.1:PORT: Unknown module 'none'"),
        ("-m denied", CRITICAL, "127.0.0.1:PORT: access denied to denied from"),
        ("-m gone", CRITICAL, "127.0.0.1:PORT: ch"),
        ("-m filled", CRITICAL, "127.0.0.1:PORT does not show filled/: no list of files came"),
        ("-m closed", OK, "serves closed, after a login ("),
        ("-m closed --login-required", OK, "serves closed, after a login ("),
        ("-m open --login-required", CRITICAL, "serves open to everybody, without a login ("),
        ("-m closed --stamp stamp", CRITICAL, "serves closed, but stamp only after a login ("),
    ],
)
def test_modules(server: Rsync, arguments: str, state: State, text: str) -> None:
    """As the daemon has them."""
    result = ask(server.port, *arguments.split())
    assert (result.state, text.replace("PORT", str(server.port)) in result.text) == (state, True), result


@pytest.mark.parametrize(
    ("stamp", "arguments", "state", "text"),
    [
        ("stamp", "", OK, "serves open, stamp is 36"),
        ("stamp", "--age-critical 7200", OK, "stamp is 36"),
        ("stamp", "--age-warning 60 --age-critical 7200", WARNING, " s old (range 60)"),
        ("stamp", "--age-warning 60 --age-critical 120", CRITICAL, " s old (range 120)"),
        ("daily/a stamp", "--age-critical 7000", CRITICAL, "daily/a stamp is 72"),
        ("of 1901", "", OK, "of 1901 is "),
        ("old", "", OK, "old is "),
        ("none", "", CRITICAL, "does not show open/none: rsync: "),
        ("daily", "", CRITICAL, "does not show open/daily: it is no file"),
    ],
)
def test_a_stamp(server: Rsync, stamp: str, arguments: str, state: State, text: str) -> None:
    """By its age."""
    result = ask(server.port, "-m", "open", "--stamp", stamp, *arguments.split())
    assert (result.state, text in result.text) == (state, True), result
    if state != CRITICAL or "range" in text:
        assert [metric.name for metric in result.metrics] == ["time", "age"]


def test_a_login(server: Rsync, tmp_path: Path) -> None:
    """Whose password comes from a file."""
    result = ask(server.port, "-m", "closed", "--stamp", "stamp", *login(tmp_path))
    assert (result.state, "serves closed, logged in as monitor, stamp is 36" in result.text) == (OK, True)
    assert ask(server.port, "-m", "closed", "--login-required", *login(tmp_path)).state == OK
    assert ask(server.port, "-m", "open", *login(tmp_path)).state == OK
    assert "chmod 600" in ask(server.port, "-m", "closed", *login(tmp_path, mode=0o644)).notes[0]
    result = ask(server.port, "-m", "closed", *login(tmp_path, "hunter2"))
    assert (result.state, "auth failed on module closed" in result.text) == (CRITICAL, True)
    assert "hunter2" not in result.text
    result = ask(server.port, "-m", "closed", "-u", "monitor", "-f", "/nonexistent")
    assert (result.state, "cannot read /nonexistent" in result.text) == (UNKNOWN, True)


def test_the_daemon_sees_a_client_that_leaves_in_time(server: Rsync) -> None:
    """It counts what it has sent, and logs no error."""
    before = server.log.read_text()
    for arguments in (("-m", "open"), ("-m", "open", "--stamp", "stamp"), ("-m", "open", "--login-required")):
        ask(server.port, *arguments)
    assert eventually(lambda: server.log.read_text()[len(before) :].count("total size") == 6)
    assert "error" not in server.log.read_text()[len(before) :]


@pytest.mark.parametrize(
    ("arguments", "reason"),
    [
        ("--listed", "are of a module"),
        ("--stamp x", "are of a module"),
        ("-m x -u me", "belong together"),
        ("-m x -f /etc/passwd", "belong together"),
        ("-m x --age-critical 5", "an age is that of a stamp"),
    ],
)
def test_options_that_contradict_each_other(arguments: str, reason: str) -> None:
    """Nothing is sent."""
    result = oneshot(rsync_module, *arguments.split())
    assert (result.state, reason in result.text) == (UNKNOWN, True)


@pytest.mark.parametrize(
    "options", [("-m", "#list"), ("-m", "a/b"), ("-m", "-x"), ("-m", "a\nb"), ("--stamp", "/x"), ("--stamp", "a*")]
)
def test_what_is_no_module_or_path(options: tuple[str, str]) -> None:
    """It would mean something else to the daemon."""
    with pytest.raises(UsageError):
        oneshot(rsync_module, *options)


HELLO = b"@RSYNCD: 31.0\n"
OPEN = HELLO + b"motd\n@RSYNCD: OK\n"


def leaving(data: bytes) -> servers.Behaviour:
    """Say that, hear a request, and hang up."""

    def behave(_server: servers.Server, client: socket.socket) -> None:
        client.sendall(data)
        while not client.recv(65536).endswith(bytes(8)):
            pass

    return behave


class TestLiars:
    """Servers that are mute, drip, pour, lie or cut off."""

    @pytest.mark.parametrize(
        ("behave", "arguments", "text"),
        [
            (servers.hold, "", "no answer from"),
            (servers.drip(HELLO, 0.2), "", "within"),
            (servers.pour, "", "no line of an rsync daemon"),
            (servers.hang_up, "", "127.0.0.1"),
            (servers.reset, "", "127.0.0.1"),
            (servers.answer(b"220 \x1b[2Jmail\r\n"), "", "greeted with '220 [2Jmail', which is no rsync daemon"),
            (servers.answer(b"@RSYNCD: 29\n"), "", "speaks protocol 29, not 30"),
            (servers.answer(HELLO), "", "no answer from"),
            (servers.answer(HELLO + b"a\tb\n" * 9000), "", "answer from"),
            (
                servers.answer(HELLO + b"@ERROR: max connections (2) reached -- try again later\n"),
                "",
                "max connections",
            ),
            (servers.answer(HELLO + b"@ERROR \x1b[2J\n"), "-m m", "@ERROR [2J"),
            (servers.answer(HELLO + b"x" * 70000), "-m m", "no line of an rsync daemon"),
            (servers.answer(OPEN), "-m m", "no answer from"),
            (leaving(OPEN), "-m m", "does not show m/: no list of files came"),
            (servers.answer(OPEN + b"GET / HTTP/1.0\r\n\r\n"), "-m m --stamp s", "in place of a list of files"),
            (servers.answer(OPEN + b"\0seed" + b"\0\0\0\x07" * 20000), "-m m", "does not end its list of files"),
        ],
    )
    def test_what_is_no_good_answer(self, behave: servers.Behaviour, arguments: str, text: str) -> None:
        """With what came, as one line."""
        with servers.Server(behave) as server:
            result = ask(server.port, *arguments.split(), "-t", "0.5")
        assert (result.state, text in result.text) == (CRITICAL, True), result
        assert result.text.isprintable()

    def test_a_daemon_that_asks_again(self, tmp_path: Path) -> None:
        """One answer is enough."""
        with servers.Server(servers.answer(HELLO + b"@RSYNCD: AUTHREQD abc\n" * 2)) as server:
            result = ask(server.port, "-m", "m", *login(tmp_path))
        assert (result.state, "asks for a login again" in result.text) == (CRITICAL, True)

    def test_a_port_where_nobody_listens(self) -> None:
        """It is closed."""
        with servers.closed() as server:
            result = ask(server.port)
        assert (result.state, "no rsync: 127.0.0.1" in result.text, "is closed" in result.text) == (
            CRITICAL,
            True,
            True,
        )
