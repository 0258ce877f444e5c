"""The MySQL ping against real MariaDB servers: logins, TLS and options."""

from __future__ import annotations

import asyncio
import posix
import socket
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import pymysql
import pytest

from checks.mysql_ping import mysql_ping
from tests.agent.drive import alone, resident
from tests.checks.mysql import ACCOUNTS, ME, eventually, ping, server_context
from tests.drive import oneshot
from tests.servers.fake_mysql import DENIED, CachingSha2, Connection, greeting, serve
from tests.servers.mariadb import MariaDB, certificates, mariadb
from vipwarden.core.options import UsageError, options
from vipwarden.core.result import CRITICAL, OK, UNKNOWN, WARNING
from vipwarden.core.values import Seconds

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

pytestmark = pytest.mark.usefixtures("password")


@pytest.fixture(scope="module")
def server() -> Iterator[MariaDB]:
    """Run a server on loopback."""
    with mariadb() as running:
        running.query(*ACCOUNTS)
        yield running


class TestLogin:
    """Every way of proving who one is."""

    def test_a_ping_names_the_server_and_the_time(self, server: MariaDB) -> None:
        """The text says product, version, address and milliseconds."""
        result = ping(server, "-u", "nat")
        assert result.state == OK
        version = server.query("SELECT version() v")[0]["v"].partition("-")[0]
        assert result.text.startswith(f"MariaDB {version} on 127.0.0.1:{server.port} answered the ping (")
        assert len(result.text) <= 80
        assert [metric.name for metric in result.metrics] == ["time", "connect"]

    def test_pymysql_says_the_same_of_the_server(self, server: MariaDB) -> None:
        """PyMySQL can log in with the same account, and gets the same refusals."""
        for user, given, state in (("nat", "secret", OK), ("nat", "no", CRITICAL), ("who", "", CRITICAL)):
            try:
                with pymysql.connect(port=server.port, host="127.0.0.1", user=user, password=given) as connection:
                    connection.ping()
                theirs = OK
            except pymysql.err.OperationalError:
                theirs = CRITICAL
            posix.environ[b"MYSQL_PWD"] = given.encode()
            assert ping(server, "-u", user).state == theirs == state

    def test_an_account_without_password_gets_in_without(
        self, server: MariaDB, password: Callable[[str], None]
    ) -> None:
        """An empty password is answered with nothing."""
        password("")
        assert ping(server, "-u", "bare").state == OK

    def test_a_wrong_password_is_critical_and_with_n_ok(self, server: MariaDB, password: Callable[[str], None]) -> None:
        """A refused login proves that the server lives, to who says that this is enough."""
        password("wrong")
        refused, ignored = ping(server, "-u", "nat"), ping(server, "-u", "nat", "-n")
        assert refused.state == CRITICAL
        assert "refused the login of 'nat': check password and grants, or give -n" in refused.text
        assert ignored.state == OK
        assert "is alive: it refused the login" in ignored.text

    def test_without_a_user_n_is_enough(self, server: MariaDB) -> None:
        """No account is needed to know that the server lives."""
        assert ping(server).state == CRITICAL
        assert "give -u" in ping(server).text
        assert ping(server, "-n").state == OK

    def test_the_unix_socket_and_its_authentication(self, server: MariaDB) -> None:
        """The account of who runs the check needs no password there."""
        result = oneshot(mysql_ping, "-s", server.socket, "-u", ME)
        assert result.state == OK
        assert f" on {server.socket} answered" in result.text
        assert oneshot(mysql_ping, "-s", server.socket, "-u", "nat").state == OK

    def test_ed25519_is_named_as_what_is_missing(self, server: MariaDB) -> None:
        """The error names the method; with -n it does not matter."""
        result = ping(server, "-u", "ed")
        assert result.state == CRITICAL
        assert "wants client_ed25519" in result.text
        assert ping(server, "-u", "ed", "-n").state == OK

    def test_an_account_with_two_methods_is_tried_with_both(self, server: MariaDB) -> None:
        """The server asks for the second one after the first failed."""
        assert ping(server, "-u", "two").state == OK

    def test_the_database_must_exist_and_be_open(self, server: MariaDB) -> None:
        """What is missing is told from what is closed."""
        assert ping(server, "-u", "nat", "-d", "shop").state == OK
        assert "does not let 'nat' use the database 'mysql'" in ping(server, "-u", "nat", "-d", "mysql").text
        missing = oneshot(mysql_ping, "-s", server.socket, "-u", ME, "-d", "none")
        assert missing.state == CRITICAL
        assert "has no database 'none'" in missing.text
        assert ping(server, "-u", "nat", "--insecure", "-d", "shop").state == OK
        assert ping(server, "-u", "nat", "--insecure", "-d", "none").state == CRITICAL

    def test_it_works_unchanged_in_an_event_loop(self, server: MariaDB) -> None:
        """The agent's driver gets the same answer."""
        assert resident(mysql_ping, "-H", "127.0.0.1", "-P", str(server.port), "-u", "nat").state == OK

    def test_a_range_judges_the_time(self, server: MariaDB) -> None:
        """-w and -c hold for the whole run."""
        assert ping(server, "-u", "nat", "-w", "1000:").state == WARNING
        assert ping(server, "-n", "-c", "1000:").state == CRITICAL

    def test_too_many_connections_gets_its_advice(self, server: MariaDB) -> None:
        """The error that comes in place of a greeting."""
        server.query("SET GLOBAL max_connections = 10")
        try:
            held = [
                pymysql.connect(host="127.0.0.1", port=server.port, user="nat", password="secret") for _ in range(10)
            ]
            result = ping(server, "-u", "nat", "-n")
            for connection in held:
                connection.close()
        finally:
            assert eventually(lambda: bool(server.query("SET GLOBAL max_connections = 100", "SELECT 1")))
        assert result.state == CRITICAL
        assert "has no connection left: see what holds them, or raise max_connections" in result.text


class TestTls:
    """Encryption, certificates and what they are worth."""

    def test_a_valid_certificate_lets_in(self, server: MariaDB) -> None:
        """An account that demands TLS gets in with it and not without."""
        result = ping(server, "-u", "tls", "--ca-file", server.ca_file)
        assert result.state == OK
        assert any("TLSv1" in note for note in result.notes)
        assert ping(server, "-u", "tls").state == CRITICAL

    def test_an_unknown_ca_is_critical_and_insecure_does_not_care(self, server: MariaDB) -> None:
        """The system's CAs do not know the server's."""
        result = ping(server, "-u", "nat", "-S")
        assert result.state == CRITICAL
        assert "is not valid" in result.text
        assert ping(server, "-u", "nat", "-S", "--insecure").state == OK

    def test_no_password_goes_to_a_server_that_was_not_verified(self, server: MariaDB, tmp_path: Path) -> None:
        """All that it gets is a login without user and password."""
        certificates(tmp_path)
        context = server_context(server.folder)
        logins = []

        def handle(connection: Connection) -> None:
            connection.write(greeting(tls=True))
            connection.read()
            connection.sock = context.wrap_socket(connection.sock, server_side=True)
            logins.append(connection.read())
            connection.write(DENIED)

        with serve(handle) as port:
            result = ping(port, "-u", "nat", "--ca-file", str(tmp_path / "ca.pem"))
        assert result.state == CRITICAL
        assert [login[32:35] for login in logins] == [b"\0\1\0"]

    @pytest.mark.parametrize(
        ("lines", "state"),
        [
            ("ssl-mode=VERIFY_CA\nssl-ca={ca}", OK),
            ("ssl-mode=VERIFY_IDENTITY\nssl-ca={ca}", CRITICAL),
            ("ssl-mode=VERIFY_CA", CRITICAL),
            ("ssl-mode=REQUIRED", OK),
            ("ssl-ca={ca}", CRITICAL),
            ("ssl\nssl-ca={ca}\nssl-verify-server-cert=0", OK),
            ("ssl\nssl-cert={folder}/server.pem\nssl-key={folder}/server.key\nssl-verify-server-cert=OFF", OK),
            ("ssl\nssl-cert={folder}/none", UNKNOWN),
            ("ssl=0\nssl-ca={ca}", CRITICAL),
        ],
    )
    def test_the_defaults_file_says_what_counts_of_a_certificate(self, tmp_path: Path, lines: str, state: int) -> None:
        """Chain and name, the chain alone or nothing, for a server of another name that demands TLS."""
        certificates(tmp_path)
        path = defaults(tmp_path, "user=x\n" + lines.format(ca=tmp_path / "ca.pem", folder=tmp_path))
        with serve(CachingSha2(b"secret", cached=False, context=server_context(tmp_path))) as port:
            assert ping(port, "-f", path).state == state

    def test_a_server_without_tls_is_critical(self) -> None:
        """It does not get the password in clear instead."""
        logins = []

        def handle(connection: Connection) -> None:
            connection.write(greeting())
            logins.append(connection.read())
            connection.write(DENIED)

        with serve(handle) as port:
            result = ping(port, "-u", "nat", "-S")
        assert result.state == CRITICAL
        assert "offers no TLS" in result.text
        assert logins[0][32:35] == b"\0\1\0"

    def test_a_broken_handshake_is_critical_and_says_what_the_server_counts(self) -> None:
        """Nothing can mend that, so the operator must know."""

        def handle(connection: Connection) -> None:
            connection.write(greeting(tls=True))
            connection.read()

        with serve(handle) as port:
            result = ping(port, "-S", "--insecure")
        assert result.state == CRITICAL
        assert any("connect error" in note for note in result.notes)

    def test_a_ca_file_that_cannot_be_read_is_unknown_and_nothing_is_asked(self) -> None:
        """That is trouble of this node, not of the server."""
        visits: list[Connection] = []
        with serve(visits.append) as port:
            assert ping(port, "--ca-file", "/nonexistent").state == UNKNOWN
        assert not visits


class TestOptions:
    """What the operator says, and where the rest comes from."""

    def test_a_password_on_the_command_line_is_refused_and_not_repeated(self) -> None:
        """It is a usage error with the reason and the way out."""
        with pytest.raises(UsageError, match="can be read by every user of this node") as caught:
            ping(1, "--password", "hunter2")
        assert "hunter2" not in str(caught.value)

    def test_every_option_is_explained_in_the_docstring(self) -> None:
        """The help comes out of it."""
        lines = [line.strip().partition(":")[0] for line in (mysql_ping.__doc__ or "").splitlines()]
        assert [line for line in lines if line in options(mysql_ping)] == list(options(mysql_ping))

    def test_a_defaults_file_holds_it_all(self, server: MariaDB, tmp_path: Path) -> None:
        """[client] and the group of -g are read; the one that others can read is spoken of."""
        text = f"user=nobody\nhost=127.0.0.1\nport={server.port}\n[check]\nuser=nat\npassword='secret' # or not"
        posix.environ[b"MYSQL_PWD"] = b"wrong"
        path = defaults(tmp_path, text)
        result = oneshot(mysql_ping, "-f", path, "-g", "check")
        assert result.state == OK
        assert not result.notes
        assert oneshot(mysql_ping, "-f", path).state == CRITICAL
        Path(path).chmod(0o644)
        assert "chmod 600" in oneshot(mysql_ping, "-f", path, "-g", "check").notes[0]

    def test_the_command_line_beats_the_file(self, server: MariaDB, tmp_path: Path) -> None:
        """Server, port and user of it count; a host puts the file's socket aside, and the other way round."""
        path = defaults(tmp_path, f"user=who\npassword=secret\nhost=localhost\nport=1\nsocket={tmp_path}/none")
        assert ping(server, "-f", path, "-u", "nat").state == OK
        assert oneshot(mysql_ping, "-f", path, "-s", server.socket, "-u", "nat").state == OK
        result = oneshot(mysql_ping, "-f", path)
        assert f"{tmp_path}/none is closed" in result.text

    def test_what_does_not_go_together_is_unknown(self, tmp_path: Path) -> None:
        """Each with the reason, before anything is sent."""
        bad = defaults(tmp_path, "port = many")
        for arguments, reason in (
            (("-H", "x", "-s", "/x"), "a host and a socket at once"),
            (("-s", "x"), "no absolute path"),
            (("-s", "/x", "-S"), "TLS is for TCP"),
            (("-f", bad), "port = many"),
            (("-f", "/nonexistent"), "cannot read /nonexistent: No such file"),
        ):
            result = oneshot(mysql_ping, *arguments)
            assert result.state == UNKNOWN
            assert reason in result.text

    def test_a_closed_port_and_an_unresolved_name(self) -> None:
        """The one is the server's failure, the other one nobody's."""
        with socket.socket() as sock:
            sock.bind(("127.0.0.1", 0))
            result = ping(sock.getsockname()[1])
        assert result.state == CRITICAL
        assert "is closed" in result.text
        wrong = "a..b"  # no Host
        assert asyncio.run(alone(mysql_ping, {"host": wrong, "timeout": Seconds(1)}, 1)).state == UNKNOWN


def defaults(folder: Path, text: str) -> str:
    """Write a defaults file."""
    path = folder / "my.cnf"
    path.write_text(f"[client]\n{text}\n")
    path.chmod(0o600)
    return str(path)


# what chk_mysql_ping loads beside what every chk_ command does
LOADS = """_sha1 vipwarden.net.file vipwarden.net.secret vipwarden.protocol
    vipwarden.protocol.hashes vipwarden.protocol.mysql
    vipwarden.protocol.mysql.auth vipwarden.protocol.mysql.client vipwarden.protocol.mysql.codec
    vipwarden.protocol.mysql.option_file vipwarden.protocol.mysql.options vipwarden.protocol.mysql.session"""


@contextmanager
def healthy(folder: Path) -> Iterator[str]:
    """Yield options with which the check is OK."""
    with mariadb() as database:
        database.query("CREATE USER ping@localhost IDENTIFIED BY 'secret'")
        defaults = folder / "my.cnf"
        defaults.write_text("[client]\nuser=ping\npassword=secret\n")
        defaults.chmod(0o600)
        yield f"-H 127.0.0.1 -P {database.port} -f {defaults}"
