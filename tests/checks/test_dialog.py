"""Does a server hold a dialog: does it say what it should, step by step?"""

from __future__ import annotations

import socket
import subprocess
import time
from contextlib import ExitStack, contextmanager
from typing import TYPE_CHECKING

import pytest

from checks.dialog import dialog
from tests.agent.drive import resident
from tests.commands import program
from tests.drive import oneshot
from tests.servers import misbehaving
from tests.servers.certificate import self_signed
from tests.servers.starttls import servers
from vipwarden.core.result import CRITICAL, OK, UNKNOWN, WARNING, Result

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path


def says(*replies: bytes, ends: bool = False) -> misbehaving.Behaviour:
    """Say the first reply at once, and each other one after something of the client."""

    def behave(server: misbehaving.Server, client: socket.socket) -> None:
        for number, reply in enumerate(replies):
            if number and not client.recv(4096):
                return
            client.sendall(reply)
        if not ends:
            misbehaving.hold(server, client)

    return behave


def ask(server: misbehaving.Server, *steps: str, more: tuple[str, ...] = ()) -> Result:
    """Hold a dialog by both drivers, which say the same."""
    words = ["-H", server.host, "-p", str(server.port), *more]
    for step in steps:
        words += ["--step", step]
    results = [oneshot(dialog, *words), resident(dialog, *words)]
    assert results[0].state == results[1].state, results
    assert all(result.text.isprintable() for result in results)
    return results[0]


# steps, what the server says, whether it then ends the connection, and whether that is right
CASES: list[tuple[tuple[str, ...], tuple[bytes, ...], bool, bool]] = [
    (("expect string +OK",), (b"+OK ready\r\n",), False, True),
    (("expect string +OK",), (b"-ERR\r\n",), False, False),
    (("expect string +OK",), (b"-ERR\r\n",), True, False),
    ((r"expect string +OK\ POP3\ ready",), (b"+OK POP3 ready\r\n",), False, True),
    (('expect string "* OK"',), (b"* OK IMAP4 ready\r\n",), False, True),
    (("expect rstring ^2[0-9]{2}",), (b"220 x\r\n",), False, True),
    (("expect rstring ^2[0-9]{2}",), (b"x 220\r\n",), True, False),
    ((r"expect rstring \+OK|PONG",), (b"+PONG\r\n",), False, True),
    (("expect ! string error",), (b"fine\r\n",), True, True),
    (("expect ! string error",), (b"an error\r\n",), True, False),
    (("expect ! rstring err[a-z]r",), (b"an error\r\n",), False, False),
    (("expect min-recv 2 ! string error",), (b"fine\r\n",), False, True),
    (("expect min-recv 2 string OK",), (b"fine OK not\r\n",), False, True),
    (("expect min-recv 2 string ok",), (b"fine OK not\r\n",), False, False),
    (("expect binary 2b4f4b",), (b"+OK\r\n",), False, True),
    (("expect binary 2B4F4B00",), (b"+OK\0\r\n",), False, True),
    (("expect rbinary ^2B(4F|4E)",), (b"+OK\r\n",), False, True),
    ((r"send PING\r\n", "expect string +PONG"), (b"", b"+PONG\r\n"), False, True),
    (("send-binary 50494e470d0a", "expect binary 2b504F4e47"), (b"", b"+PONG\r\n"), False, True),
    (("expect string one", "expect string two"), (b"one two",), False, True),
    (("expect string two", "expect string one"), (b"one two",), False, True),
    (("expect string one", "send x", "expect string one"), (b"one", b"two"), False, False),
    (("expect string one comment 'the first'",), (b"two",), False, False),
]


def test_the_verdicts_are_those_of_haproxy(tmp_path: Path) -> None:
    """HAProxy itself checks the same servers by the same lines."""
    with ExitStack() as running:
        lines = ["global", f" stats socket {tmp_path}/admin.sock", "defaults", " mode tcp", " timeout connect 5s"]
        lines += [" timeout client 5s", " timeout server 5s", " timeout check 1s"]
        made = []
        for number, (steps, replies, ends, _) in enumerate(CASES):
            server = running.enter_context(misbehaving.Server(says(*replies, ends=ends)))
            made.append(server)
            lines += [f"backend b{number}", " option tcp-check", " tcp-check connect"]
            lines += [f" tcp-check {step}" for step in steps]
            lines += [f" server s 127.0.0.1:{server.port} check inter 300ms rise 1 fall 1"]
        config = tmp_path / "haproxy.cfg"
        config.write_text("\n".join([*lines, ""]))
        haproxy = subprocess.Popen([program("haproxy"), "-db", "-f", str(config)], stderr=subprocess.DEVNULL)
        running.callback(haproxy.wait)
        running.callback(haproxy.terminate)
        wanted = {f"b{number}": right for number, (_, _, _, right) in enumerate(CASES)}
        until = time.monotonic() + 60
        while (theirs := verdicts(tmp_path / "admin.sock")) != wanted:
            assert haproxy.poll() is None
            assert time.monotonic() < until, {
                name: theirs.get(name) for name in wanted if theirs.get(name) != wanted[name]
            }
            time.sleep(0.02)
        for server, (steps, _, _, right) in zip(made, CASES, strict=True):
            ours = ask(server, *steps, more=("-t", "10" if right else "0.3"))
            assert (ours.state == OK) is right, (steps, ours)


def verdicts(path: Path) -> dict[str, bool]:
    """Return which backends HAProxy's checks have found right, of those that were checked."""
    try:
        with socket.socket(socket.AF_UNIX) as sock:
            sock.connect(str(path))
            sock.sendall(b"show stat\n")
            text = b"".join(iter(lambda: sock.recv(65536), b"")).decode()
    except OSError:
        return {}
    head, *rows = [line.split(",") for line in text.splitlines() if line]
    found = {row[0]: row[head.index("check_status")].removeprefix("* ") for row in rows if row[1:2] == ["s"]}
    return {name: status.startswith("L7OK") for name, status in found.items() if status not in ("", "INI")}


@pytest.fixture(scope="module")
def real(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[dict[str, int], str]]:
    """Run real servers; yield their ports, and the file of the CA."""
    folder = tmp_path_factory.mktemp("dialog")
    certificate, key = self_signed(folder)
    with servers(folder, certificate, key) as ports:
        yield ports, str(certificate)


@pytest.mark.parametrize(
    ("preset", "protocol", "greeting"),
    [
        ("smtp", "smtp", "220 mail.test ESMTP ready"),
        ("imap", "imap", "* OK IMAP4 ready"),
        ("pop", "pop3", "+OK POP3 ready"),
        ("ftp", "ftp", "220 (vsFTPd"),
    ],
)
def test_a_preset_with_a_real_server(
    real: tuple[dict[str, int], str], preset: str, protocol: str, greeting: str
) -> None:
    """The greeting is in the text; the server of another protocol is none."""
    ports, _ = real
    other = "pop3" if protocol != "pop3" else "imap"
    for drive in (oneshot, resident):
        result = drive(dialog, "-H", "127.0.0.1", "-p", str(ports[protocol]), "--preset", preset)
        assert result.state == OK, result
        assert f"greeting '{greeting}" in result.text
        result = drive(dialog, "-H", "127.0.0.1", "-p", str(ports[other]), "--preset", preset)
        assert (result.state, result.expired) == (CRITICAL, False), result


@pytest.mark.parametrize(
    ("preset", "replies", "text"),
    [
        ("ssh", (b"SSH-2.0-OpenSSH_9.2p1 Debian\r\n",), "greeting 'SSH-2.0-OpenSSH_9.2p1 Debian'"),
        ("ssh", (b"welcome\r\nSSH-2.0-x\r\n",), "greeting 'welcome'"),
        ("smtp", (b"220-wait\r\n220 mail\r\n", b"221 bye\r\n"), "greeting '220-wait'"),
        ("smtp", (b"220\r\n", b"221\r\n"), "greeting '220'"),
        ("smtp", (b"554 no\r\n",), "step 1 of 4 (greeting): 127.0.0.1:PORT sent '554 no"),
        ("smtp", (b"220 hi\r\n", b"421 busy\r\n"), "step 4 of 4 (farewell): 127.0.0.1:PORT sent '421 busy"),
        ("imap", (b"* PREAUTH hi\r\n", b"* BYE\r\na OK\r\n"), "greeting '* PREAUTH hi'"),
        ("imap", (b"* BYE no\r\n",), "step 1 of 4 (greeting)"),
        ("pop", (b"+OK\r\n", b"+OK\r\n"), "greeting '+OK'"),
        ("pop", (b"-ERR\r\n",), "step 1 of 5 (+OK): 127.0.0.1:PORT sent '-ERR"),
        ("ftp", (b"220-a\r\n b\r\n220 c\r\n", b"221 bye\r\n"), "greeting '220-a'"),
        ("ftp", (b"421 too many\r\n",), "step 1 of 4 (greeting)"),
    ],
)
def test_the_greeting_of_a_preset(preset: str, replies: tuple[bytes, ...], text: str) -> None:
    """Of one line or more; another one fails at once, and is shown."""
    with misbehaving.Server(says(*replies)) as server:
        result = ask(server, more=("--preset", preset, "-t", "5"))
        assert (result.state, result.expired) == (CRITICAL if "step" in text else OK, False), result
        assert text.replace("PORT", str(server.port)) in result.text


def test_tls_within_a_dialog_and_from_its_start(real: tuple[dict[str, int], str]) -> None:
    """After STARTTLS, with the certificate verified."""
    ports, ca_file = real
    steps = [r"expect rstring '^220 '", r'send "EHLO me\r\n"', "expect string STARTTLS", r"send STARTTLS\r\n"]
    steps += ["expect string 220", "tls", r'send "EHLO me\r\n"', r"expect rstring '(?m)^250 '", r"send QUIT\r\n"]
    words = ["-H", "127.0.0.1", "-p", str(ports["smtp"])]
    for step in [*steps, "expect string 221"]:
        words += ["--step", step]
    for drive in (oneshot, resident):
        assert drive(dialog, *words, "--ca-file", ca_file, "--sni", "web.test").state == OK
        result = drive(dialog, *words)
        assert result.state == CRITICAL
        assert "step 6 of 10 (tls): the certificate of" in result.text
        result = drive(dialog, *words, "--tls", "--insecure")
        assert result.state == CRITICAL
        assert "no TLS with" in result.text


def test_a_server_that_speaks_in_clear_behind_its_go_ahead() -> None:
    """Whoever is in between may have added it."""
    with misbehaving.Server(says(b"220 hi\r\n", b"220 go\r\n250 injected\r\n")) as server:
        result = ask(
            server, "expect string 220", r"send STARTTLS\r\n", "expect string 220", "tls", more=("--insecure",)
        )
    assert result.state == CRITICAL
    assert "sent data in clear after it had agreed to TLS" in result.text


@pytest.mark.parametrize(
    ("serve", "expired", "text"),
    [
        (misbehaving.mute, True, "sent nothing, and no more within 0.3 s"),
        (misbehaving.dripping, True, "sent 'x', and no more within 0.3 s"),
        (misbehaving.endless, False, "never enough"),
        (misbehaving.binary, True, r"\x00\xff|\n"),
        (misbehaving.leaving, False, "sent nothing and closed the connection"),
        (misbehaving.resetting, False, "127.0.0.1:"),
    ],
)
def test_what_is_no_dialog(serve: Callable[[], misbehaving.Server], expired: bool, text: str) -> None:
    """Bounded in time and size, and shown in a line."""
    with serve() as server:
        steps = ("--step", "expect string 220", "--step", "send x")
        result = oneshot(dialog, "-H", server.host, "-p", str(server.port), "-t", "0.3", *steps)
    assert (result.state, result.expired) == (CRITICAL, expired), result
    assert text in result.text
    assert result.text.isprintable()
    assert len(result.text) < 300


def test_a_pattern_may_arrive_in_pieces() -> None:
    """A byte at a time."""
    with misbehaving.Server(misbehaving.drip(b"220 ready\r\n", 0.005)) as server:
        assert ask(server, r"expect rstring '220 ready\r\n'").state == OK


def test_steps_from_a_file_are_not_shown(tmp_path: Path) -> None:
    """Neither what is sent, nor what the server sends back of it, nor a line that is no step."""
    path = tmp_path / "steps"
    path.write_text('# login\nexpect string +OK\n\nsend "PASS s3cr3t\\r\\n"\nexpect string +OK\n')
    more = ("--step-file", str(path), "-t", "1")
    with misbehaving.Server(says(b"+OK\r\n", b"-ERR s3cr3t? unknown PASS s3cr3t\r\n", ends=True)) as server:
        result = ask(server, more=more)
        assert result.state == CRITICAL
        assert "step 3 of 3 (expect string +OK): " in result.text
        assert "s3cr3t" not in result.text
        for text, reason in (
            ("send s3cr3t x", "steps:1: this is no step"),
            ("", "has no steps"),
            (None, "cannot read"),
        ):
            path.unlink(missing_ok=True)
            if text is not None:
                path.write_text(text)
            result = ask(server, more=more)
            assert (result.state, reason in result.text, "s3cr3t" in result.text) == (UNKNOWN, True, False), result


def test_the_time_has_thresholds() -> None:
    """-w and -c are ranges of seconds."""
    with misbehaving.greeting() as server:
        assert ask(server, "expect string SSH", more=("-w", "@0:9")).state == WARNING
        assert ask(server, "expect string SSH", more=("-c", "@0:9")).state == CRITICAL


# modules that chk_dialog loads beside what every chk_ command does
LOADS = """vipwarden.net.file vipwarden.net.secret vipwarden.net.target vipwarden.protocol vipwarden.protocol.dialog
    vipwarden.protocol.dialog.preset vipwarden.protocol.dialog.step vipwarden.protocol.dialog.talk
    vipwarden.protocol.dialog.words vipwarden.protocol.http vipwarden.protocol.http.options"""


@contextmanager
def healthy(folder: Path) -> Iterator[str]:
    """Yield options with which the check is OK."""
    steps = folder / "steps"
    steps.write_text("expect string SSH-")
    with misbehaving.greeting() as server:
        yield f"-H {server.host} -p {server.port} --step-file {steps}"
