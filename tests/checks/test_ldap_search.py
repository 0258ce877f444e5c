"""Does an LDAP server let a user log in and find an entry? Of a real slapd, and of liars."""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING

import pytest

from checks.ldap_search import ldap_search
from tests.agent.drive import resident
from tests.checks.mysql import eventually
from tests.drive import oneshot
from tests.servers import misbehaving as servers
from tests.servers.certificate import self_signed
from tests.servers.ldap import ADMIN, BASE, HIDDEN, Ldap, ldap
from vipwarden.core.options import UsageError
from vipwarden.core.result import CRITICAL, OK, UNKNOWN, WARNING, Result, State
from vipwarden.protocol.ldap.ber import ENUMERATED, OCTETS, SEQUENCE, element, number
from vipwarden.protocol.ldap.codec import BOUND, DONE, ENTRY, NOTICE, REFERENCE

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

LOADS = """vipwarden.net.secret vipwarden.net.target vipwarden.protocol vipwarden.protocol.ldap
    vipwarden.protocol.ldap.ber vipwarden.protocol.ldap.codec vipwarden.protocol.ldap.session vipwarden.protocol.wire"""


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return the folder of the server."""
    return tmp_path_factory.mktemp("ldap")


@pytest.fixture(scope="module")
def server(folder: Path) -> Iterator[Ldap]:
    """Run one for all."""
    with ldap(folder, *self_signed(folder, "ldap.test")) as running:
        yield running


@contextmanager
def healthy(folder: Path) -> Iterator[str]:
    """Yield options with which the check is OK."""
    with ldap(folder, *self_signed(folder)) as running:
        yield f"-H 127.0.0.1 -p {running.port} -b {BASE}"


def ask(server: Ldap | int, *arguments: str) -> Result:
    """Ask a server by its port, on either driver."""
    port = server.port if isinstance(server, Ldap) else server
    results = [drive(ldap_search, "-H", "127.0.0.1", "-p", str(port), *arguments) for drive in (oneshot, resident)]
    assert results[0].state == results[1].state
    return results[0]


def login(folder: Path, password: str = "secret", mode: int = 0o600) -> tuple[str, ...]:
    """Return the options to log in."""
    path = folder / "password"
    path.write_text(f"{password}\n")
    path.chmod(mode)
    return "-D", ADMIN, "-f", str(path)


@pytest.mark.parametrize(
    ("arguments", "state", "text"),
    [
        ("", OK, "the root DSE of 127.0.0.1:PORT is there, bound anonymously ("),
        (f"-e namingContexts={BASE} -e supportedLDAPVersion=3", OK, "is there"),
        (f"-b {BASE}", OK, f"{BASE} of 127.0.0.1:PORT is there"),
        (f"-b {BASE} -e O=Beispiel -e o=Example -e objectclass", OK, "is there"),
        (f"-b {BASE} -e o=example", CRITICAL, "has the o 'Example, Beispiel', without 'example'"),
        (f"-b {BASE} -e o -e mail -e ou=x", CRITICAL, "has no mail; has no ou, bound"),
        (f"-b {HIDDEN}", CRITICAL, f"127.0.0.1:PORT has no entry {HIDDEN}, bound anonymously"),
        (f"-b cn=none,{BASE}", CRITICAL, "has no entry cn=none"),
        ("-b nonsense", CRITICAL, "refused the search: invalidDNSyntax (34): invalid DN"),
        ("-w 0", WARNING, "is there"),
        ("-c 0", CRITICAL, "is there"),
    ],
)
def test_an_entry(server: Ldap, arguments: str, state: State, text: str) -> None:
    """With its attributes."""
    result = ask(server, *arguments.split())
    assert (result.state, text.replace("PORT", str(server.port)) in result.text) == (state, True), result
    assert [metric.name for metric in result.metrics] == ["time"]


def test_a_user(server: Ldap, tmp_path: Path) -> None:
    """Whose password comes from a file."""
    result = ask(server, "-b", HIDDEN, *login(tmp_path))
    assert (result.state, f"bound as {ADMIN}" in result.text) == (OK, True)
    assert "chmod 600" in ask(server, *login(tmp_path, mode=0o644)).notes[0]
    result = ask(server, *login(tmp_path, "hunter2"))
    assert (result.state, f"refused the bind as {ADMIN}: invalidCredentials (49)" in result.text) == (CRITICAL, True)
    assert "hunter2" not in result.text
    result = ask(server, "-D", ADMIN, "-f", "/nonexistent")
    assert (result.state, "cannot read /nonexistent" in result.text) == (UNKNOWN, True)


def test_the_unix_socket(server: Ldap) -> None:
    """By its path."""
    result = oneshot(ldap_search, "-H", server.path, "-b", BASE)
    assert (result.state, f"{BASE} of {server.path} is there" in result.text) == (OK, True)


def test_tls(server: Ldap, folder: Path, tmp_path: Path) -> None:
    """From the start, or asked for; the certificate counts."""
    ca = ("--ca-file", str(folder / "ldap.test.crt"))
    for port, way in ((server.tls, "-S"), (server.port, "-T")):
        assert ask(port, way, *ca, "-b", HIDDEN, *login(tmp_path)).state == OK
        assert ask(port, way, *ca, "--sni", "ldap.test").state == OK
        assert ask(port, way, "--insecure").state == OK
        result = ask(port, way)
        assert (result.state, "is not valid" in result.text) == (CRITICAL, True)
        result = ask(port, way, *ca, "--sni", "other.test")
        assert (result.state, "is not valid" in result.text) == (CRITICAL, True)


def test_the_server_sees_a_client_that_leaves(server: Ldap, folder: Path, tmp_path: Path) -> None:
    """By an unbind, whatever came before."""
    log = folder / "slapd.log"
    for arguments in (("-b", BASE), login(tmp_path, "wrong"), ("-T", "--insecure")):
        before = log.read_text().count("UNBIND")
        ask(server, *arguments)
        assert eventually(lambda before=before: log.read_text().count("UNBIND") >= before + 2)  # type: ignore[misc]


@pytest.mark.parametrize(
    ("arguments", "reason"),
    [
        ("--tls --starttls", "give one of them"),
        ("-D cn=x", "belong together"),
        ("-f /etc/passwd", "belong together"),
        ("--insecure", "are for TLS"),
        ("-H /run/slapd/ldapi -p 389", "a unix socket has no ports"),
    ],
)
def test_options_that_contradict_each_other(arguments: str, reason: str) -> None:
    """Nothing is sent."""
    result = oneshot(ldap_search, *arguments.split())
    assert (result.state, reason in result.text) == (UNKNOWN, True)


@pytest.mark.parametrize("text", ["=x", "a b", "a*=1"])
def test_what_is_no_attribute(text: str) -> None:
    """NAME or NAME=VALUE."""
    with pytest.raises(UsageError, match="NAME or NAME=VALUE"):
        oneshot(ldap_search, "-e", text)


def said(message: int, tag: int, code: int = 0, text: bytes = b"") -> bytes:
    """Return an answer with a result."""
    result = number(code, ENUMERATED) + element(OCTETS) + element(OCTETS, text)
    return element(SEQUENCE, number(message), element(tag, result))


BIND = said(2, BOUND)
EMPTY = element(SEQUENCE, number(3), element(ENTRY, element(OCTETS), element(SEQUENCE)))


class TestLiars:
    """Servers that are mute, drip, pour, lie or cut off."""

    @pytest.mark.parametrize(
        ("behave", "state", "text"),
        [
            (servers.hold, CRITICAL, "no answer from"),
            (servers.drip(BIND, 0.2), CRITICAL, "within"),
            (servers.pour, CRITICAL, "which is no LDAP"),
            (servers.hang_up, CRITICAL, "127.0.0.1"),
            (servers.reset, CRITICAL, "127.0.0.1"),
            (servers.answer(b"\x30\x84\x00\x03\xff\xff" + b"x" * 99), CRITICAL, "no answer from"),
            (servers.answer(b"\x30\x84\x7f\xff\xff\xff"), CRITICAL, "sent an element of 2147483647 bytes"),
            (servers.answer(said(9, BOUND)), CRITICAL, "sent an answer to the message 9, which nobody has sent"),
            (servers.answer(said(2, DONE)), CRITICAL, "answered the anonymous bind with something else"),
            (servers.answer(element(SEQUENCE, number(2), element(BOUND))), CRITICAL, "sent an answer without a result"),
            (servers.answer(said(2, BOUND, 48, b"\x1b[2Jno")), CRITICAL, "inappropriateAuthentication (48): [2Jno"),
            (servers.answer(said(0, NOTICE, 52, b"bye")), CRITICAL, "ended the session: unavailable (52): bye"),
            (servers.answer(BIND + said(0, NOTICE, 51)), CRITICAL, "ended the session: busy (51)"),
            (servers.answer(BIND + said(3, DONE, 10)), CRITICAL, "refused the search: referral (10)"),
            (servers.answer(BIND + EMPTY + said(3, DONE)), OK, "is there"),
            (servers.answer(BIND + said(3, REFERENCE) + EMPTY + said(3, DONE)), OK, "is there"),
            (servers.answer(BIND + EMPTY * 99), CRITICAL, "sent 16 answers for one entry"),
            (servers.answer(BIND + said(3, ENTRY)), CRITICAL, "sent an entry without a name or attributes"),
            (servers.answer(BIND + said(3, DONE)), CRITICAL, "has no entry the root DSE"),
        ],
    )
    def test_what_is_no_good_answer(self, behave: servers.Behaviour, state: State, text: str) -> None:
        """With what came, as one line."""
        with servers.Server(behave) as server:
            result = ask(server.port, "-t", "0.5")
        assert (result.state, text in result.text) == (state, True), result
        assert result.text.isprintable()

    def test_a_port_where_nobody_listens(self) -> None:
        """It is closed."""
        with servers.closed() as server:
            result = ask(server.port)
        assert (result.state, "no LDAP: 127.0.0.1" in result.text, "is closed" in result.text) == (CRITICAL, True, True)
