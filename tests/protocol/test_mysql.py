"""What the parsers of the MySQL protocol and of defaults files make of any bytes, and of those of others."""

from __future__ import annotations

import ssl
import subprocess
from typing import TYPE_CHECKING

import pymysql._auth
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.commands import program
from tests.servers import fake_mysql
from tests.servers.mariadb import certificates
from vipwarden.net.blocking import BlockingNet
from vipwarden.net.stream import NetError
from vipwarden.net.trust import client_context
from vipwarden.protocol.mysql import auth as mysql_auth
from vipwarden.protocol.mysql import codec as mysql
from vipwarden.protocol.mysql import option_file as my_cnf
from vipwarden.protocol.tls.certificate import verify

if TYPE_CHECKING:
    from pathlib import Path

NONCES = st.binary(min_size=20, max_size=20)
GREETING = fake_mysql.greeting(tls=True)


@given(st.binary())
def test_any_bytes_are_parsed_or_refused(payload: bytes) -> None:
    """No parser raises anything but its own error, which fits on a line."""
    for parse in (mysql.greeting, mysql.refusal, mysql.switch, lambda data: mysql.size(data, 0)):
        said = ""
        try:
            parse(payload)
        except (mysql.PacketError, mysql.RefusalError) as error:
            said = str(error)
        assert "\n" not in said


@given(st.integers(0, len(GREETING)), st.integers(0, len(GREETING) - 1), st.integers(0, 255))
def test_a_damaged_greeting_is_parsed_or_refused(end: int, place: int, byte: int) -> None:
    """Neither a cut nor a changed byte leads anywhere but to a greeting or the parser's own error."""
    damaged = (GREETING[:place] + bytes((byte,)) + GREETING[place + 1 :])[:end]
    try:
        greeting = mysql.greeting(damaged)
    except (mysql.PacketError, mysql.RefusalError):
        return
    assert len(greeting.nonce) == 20
    assert greeting.product.startswith(("MySQL", "MariaDB"))


def test_a_greeting_says_what_it_holds() -> None:
    """Version, challenge, plugin and the offer of TLS come out of it."""
    greeting = mysql.greeting(GREETING)
    assert (greeting.version, greeting.nonce, greeting.plugin) == ("8.0.36", fake_mysql.NONCE, "caching_sha2_password")
    assert greeting.offers_tls
    assert not mysql.greeting(fake_mysql.greeting()).offers_tls


@pytest.mark.parametrize(
    ("version", "product"),
    [
        ("8.0.36", "MySQL 8.0.36"),
        ("8.4.0-0ubuntu1", "MySQL 8.4.0"),
        ("5.5.5-10.11.6-MariaDB-0+deb12u1", "MariaDB 10.11.6"),
        ("11.4.2-MariaDB-log", "MariaDB 11.4.2"),
        ("", "MySQL"),
    ],
)
def test_a_product_is_named_without_what_distributions_append(version: str, product: str) -> None:
    """MariaDB is told from MySQL, and freed of the prefix it has for old replicas."""
    assert mysql.Greeting(version, b"", "", offers_tls=False).product == product


@given(st.binary(), st.binary(max_size=255), st.none() | st.binary(), st.booleans())
def test_a_login_is_always_whole(user: bytes, answer: bytes, database: bytes | None, tls: bool) -> None:
    """A server finds every field in it whatever the names hold, for a broken one would count as a connect error."""
    payload = mysql.login(user, answer, "mysql_native_password", database, tls)
    flags = int.from_bytes(payload[:4], "little")
    name, _, rest = payload[32:].partition(b"\0")
    assert name == user.partition(b"\0")[0]
    assert rest[1 : 1 + rest[0]] == answer
    fields = rest[1 + rest[0] :].split(b"\0")
    wanted = [] if database is None else [database.partition(b"\0")[0]]
    assert fields == [*wanted, b"mysql_native_password", b""]
    assert bool(flags & 0x8) is (database is not None)
    assert bool(flags & 0x800) is tls
    assert payload.startswith(mysql.tls_request(database is not None)) is tls, "MySQL reads a login by the flags of it"
    assert not flags & 0x80, "CLIENT_LOCAL_FILES would let a server ask for files"


@given(st.binary(), NONCES)
def test_the_scrambles_are_those_of_pymysql(password: bytes, nonce: bytes) -> None:
    """Both ways of hiding a password agree with a client that many servers take."""
    native = pymysql._auth.scramble_native_password(password, nonce)
    assert mysql_auth.answer(mysql_auth.NATIVE, password, nonce) == native
    caching = pymysql._auth.scramble_caching_sha2(password, nonce) if password else b"\0"
    assert mysql_auth.answer(mysql_auth.CACHING, password, nonce) == caching


@given(st.text(alphabet="ax1=-_ '\"#\\;s[]\tC\n", max_size=60))
@settings(max_examples=150, deadline=None)
def test_a_defaults_file_is_read_as_mysql_reads_it(text: str) -> None:
    """What my_print_defaults prints of a file is what comes out of ours, and both refuse the same files."""
    program("my_print_defaults")
    given_text = "[client]\n" + text
    done = subprocess.run(
        ["my_print_defaults", "--defaults-file=/dev/stdin", "client", "x"],
        input=given_text.encode(),
        capture_output=True,
        check=False,
    )
    try:
        ours = my_cnf.parse(given_text, "x")
    except my_cnf.DefaultsError:
        assert b"error" in done.stderr
        return
    assert b"error" not in done.stderr
    theirs = {}
    for line in done.stdout.decode().splitlines():
        key, _, value = line[2:].partition("=")
        theirs[key.replace("-", "_")] = value
    if "" not in ours:  # where there is no name it reads on in front of the line, and prints what it finds there
        assert ours == theirs


@given(st.text())
def test_any_text_is_read_as_a_defaults_file_or_refused(text: str) -> None:
    """The parser raises nothing but its own error, which begins with the line."""
    said = ":"
    try:
        my_cnf.parse(text, "client")
    except my_cnf.DefaultsError as error:
        said = str(error)
    assert said.startswith(":")


def read(path: Path) -> tuple[dict[str, str], bool]:
    """Read a defaults file as a check does."""
    net = BlockingNet()
    net.begin(10)
    reading = my_cnf.read(net, str(path), "client")
    try:
        reading.send(None)
    except StopIteration as end:
        found: tuple[dict[str, str], bool] = end.value
        return found
    raise AssertionError("it waits")


@pytest.mark.parametrize(
    ("text", "error"),
    [
        ("user = x\n", "{}:1: an option stands before the first group"),
        ("[client]\n\n[mysql\n", "{}:3: the group has no closing bracket"),
        (
            "[client]\n!includedir /etc/mysql/conf.d/\n",
            "{}:2: !includedir is not followed, name the file itself with -f",
        ),
        ("#" * 70000, "{} is longer than 65536 bytes"),
    ],
)
def test_a_malformed_defaults_file_is_refused_with_its_line(tmp_path: Path, text: str, error: str) -> None:
    """The operator is told the file, the line and the reason."""
    path = tmp_path / "my.cnf"
    path.write_text(text)
    with pytest.raises(my_cnf.DefaultsError) as caught:
        read(path)
    assert str(caught.value) == error.format(path)


def test_a_folder_and_a_file_open_to_writers_are_no_defaults_files(tmp_path: Path) -> None:
    """MySQL's own clients do not read what everybody can write, either."""
    path = tmp_path / "my.cnf"
    path.write_text("[client]\n")
    path.chmod(0o666)
    for place, reason in (
        (tmp_path, "no regular file"),
        (path, "written by everybody"),
        (tmp_path / "none", "No such"),
    ):
        with pytest.raises(my_cnf.DefaultsError, match=reason):
            read(place)


def test_certificates_are_judged_without_a_handshake(tmp_path: Path) -> None:
    """Of either kind of key: by their CA and their name, and never content with nothing or with noise."""
    certificates(tmp_path)
    ca_file = str(tmp_path / "ca.pem")
    curve, rsa = (ssl.PEM_cert_to_DER_cert((tmp_path / f"{name}.pem").read_text()) for name in ("server", "ca"))
    verify([curve], client_context(ca_file, judges=True), "localhost", "it")
    chain_only = client_context(ca_file, check_name=False, judges=True)
    verify([rsa], chain_only, None, "it")
    for chain, ca, name, reason in (
        ([curve], ca_file, "elsewhere", "Hostname mismatch"),
        ([curve], None, "localhost", "unable to get local issuer"),
        ([rsa], None, "localhost", "self-signed"),
        ([rsa], ca_file, "localhost", "Hostname mismatch"),
        ([], ca_file, "localhost", "cannot be verified"),
        ([b"noise"], ca_file, "localhost", "cannot be verified"),
    ):
        with pytest.raises(NetError, match=reason):
            verify(chain, client_context(ca, judges=True), name, "it")


def test_a_context_that_judges_is_nobody_elses(tmp_path: Path) -> None:
    """It is confined to TLS 1.2, which connections with the same CA file must not be."""
    certificates(tmp_path)
    ca_file = str(tmp_path / "ca.pem")
    judge = client_context(ca_file, judges=True)
    verify([ssl.PEM_cert_to_DER_cert((tmp_path / "server.pem").read_text())], judge, "localhost", "it")
    assert judge.maximum_version == ssl.TLSVersion.TLSv1_2
    assert client_context(ca_file) is not judge
    assert client_context(ca_file).maximum_version != ssl.TLSVersion.TLSv1_2
