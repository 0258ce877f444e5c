"""The MySQL ping against real MariaDB servers, and against what no installable server does."""

from __future__ import annotations

import asyncio
import functools
import os
import posix
import pwd
import signal
import socket
import ssl
import threading
import time
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import pymysql
import pytest

from agent.driver import Driver
from agent.run import Run
from checks.mysql_ping import mysql_ping
from tests.agent.drive import alone, resident
from tests.commands import start
from tests.drive import oneshot
from tests.servers.fake_mysql import DENIED, CachingSha2, Connection, greeting, serve
from tests.servers.fake_mysql import OK as ACCEPTED
from tests.servers.mariadb import FAR, MariaDB, certificates, mariadb
from vipwarden.core.options import UsageError, options
from vipwarden.core.result import CRITICAL, OK, UNKNOWN, WARNING, Result
from vipwarden.core.values import Port, Seconds
from vipwarden.protocol.mysql.codec import frame, login

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

ME = pwd.getpwuid(os.geteuid()).pw_name
ACCOUNTS = (
    "CREATE USER nat@'%' IDENTIFIED VIA mysql_native_password USING PASSWORD('secret')",
    "CREATE USER ed@'%' IDENTIFIED VIA ed25519 USING PASSWORD('secret')",
    "CREATE USER two@'%' IDENTIFIED VIA ed25519 USING PASSWORD('x') OR mysql_native_password USING PASSWORD('secret')",
    "CREATE USER bare@'%'",
    "CREATE USER tls@'%' IDENTIFIED BY 'secret' REQUIRE SSL",
    f"CREATE USER IF NOT EXISTS {ME}@localhost",
    f"ALTER USER {ME}@localhost IDENTIFIED VIA unix_socket",
    "CREATE DATABASE shop",
    "GRANT SELECT ON shop.* TO nat@'%'",
)


@pytest.fixture(scope="module")
def server() -> Iterator[MariaDB]:
    """Run a server on loopback."""
    with mariadb() as running:
        running.query(*ACCOUNTS)
        yield running


@pytest.fixture(scope="module")
def far() -> Iterator[MariaDB]:
    """Run a server that counts connect errors, and blocks a host after the third."""
    with mariadb("--max-connect-errors=3", far=True) as running:
        running.query(*ACCOUNTS)
        yield running


@pytest.fixture(scope="module")
def tls_server(tmp_path_factory: pytest.TempPathFactory) -> ssl.SSLContext:
    """Make the settings of a TLS server."""
    folder = tmp_path_factory.mktemp("tls")
    certificates(folder)
    return server_context(folder)


@pytest.fixture(autouse=True)
def password(monkeypatch: pytest.MonkeyPatch) -> Callable[[str], None]:
    """Set MYSQL_PWD, at first to the password of all accounts."""

    def use(text: str) -> None:
        monkeypatch.setitem(posix.environ, b"MYSQL_PWD", text.encode())

    use("secret")
    return use


def ping(server: MariaDB | int, *arguments: str) -> Result:
    """Ping a server on loopback by its port."""
    port = server.port if isinstance(server, MariaDB) else server
    return oneshot(mysql_ping, "-H", "127.0.0.1", "-P", str(port), *arguments)


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


class TestConnectErrors:
    """A check must not get its host blocked."""

    @staticmethod
    def counted(far: MariaDB) -> int:
        """Return what the server holds against this host, once it is done with all connections."""
        deadline = time.monotonic() + 60
        while far.query("SELECT count(*) n FROM information_schema.processlist WHERE user LIKE 'unauth%'")[0]["n"]:
            assert time.monotonic() < deadline
        rows = far.query("SELECT sum_connect_errors + count_host_blocked_errors n FROM performance_schema.host_cache")
        assert len(rows) == 1
        return int(rows[0]["n"])

    def test_connecting_and_leaving_gets_a_host_blocked(self, far: MariaDB) -> None:
        """The naive ping does it, so the other tests can fail; and ours tells the operator what to do then."""
        far.query("FLUSH HOSTS")
        with far.inside():
            for _ in range(5):
                with socket.create_connection((FAR, far.port)) as sock:
                    sock.recv(100)
            assert eventually(lambda: self.counted(far) >= 3)
            result = oneshot(mysql_ping, "-H", FAR, "-u", "nat", "-n")
        assert result.state == CRITICAL
        assert "blocks this host for its connect errors: run 'mariadb-admin flush-hosts'" in result.text

    @pytest.mark.parametrize(
        ("given", "arguments", "state"),
        [
            ("secret", "-u nat", OK),
            ("wrong", "-u nat", CRITICAL),
            ("wrong", "-u nat -n", OK),
            ("", "-u nat", CRITICAL),
            ("secret", "-u unknown", CRITICAL),
            ("secret", "-n", OK),
            ("secret", "-u nat -d nonexistent", CRITICAL),
            ("secret", "-u ed", CRITICAL),
            ("secret", "-u two", OK),
            ("secret", "-u tls", CRITICAL),
            ("secret", "-u nat --ca-file {ca}", OK),
            ("secret", "-u nat --insecure", OK),
            ("secret", "-u nat -S", CRITICAL),
            ("secret", "-u nat -S -d shop", CRITICAL),
            ("secret", "-u nat --insecure -d none", CRITICAL),
            ("secret", "-u unknown --insecure", CRITICAL),
        ],
    )
    def test_no_outcome_counts(
        self, far: MariaDB, password: Callable[[str], None], given: str, arguments: str, state: int
    ) -> None:
        """Of fifty pings that end in the same way the server holds none against the host."""
        far.query("FLUSH HOSTS")
        password(given)
        with far.inside():
            for _ in range(50 if "-S" not in arguments else 10):
                result = oneshot(mysql_ping, "-H", FAR, *arguments.format(ca=far.ca_file).split())
                assert result.state == state, result
        assert self.counted(far) == 0

    def test_not_even_a_server_that_says_nothing_counts(self, far: MariaDB) -> None:
        """It finds a whole login when it wakes up, and refuses it."""
        far.query("DROP USER IF EXISTS ed@'%', two@'%'", "FLUSH HOSTS")  # or it may ask nobody for ed25519
        with far.inside():
            with stopped(far):
                for _ in range(10):
                    result = oneshot(mysql_ping, "-H", FAR, "-u", "nat", "-t", "0.05")
                    assert result.state == CRITICAL
                    assert result.expired
            assert eventually(lambda: bool(far.query("SELECT 1 FROM performance_schema.host_cache")))
            assert oneshot(mysql_ping, "-H", FAR, "-u", "unknown").state == CRITICAL  # a success would reset the count
        assert self.counted(far) == 0

    def test_who_is_ended_from_outside_leaves_as_politely(self, far: MariaDB, tmp_path: Path) -> None:
        """By a signal before or in the middle of a login, as keepalived sends it, or with its agent."""
        far.query("DROP USER IF EXISTS ed@'%', two@'%'", "FLUSH HOSTS")
        ask = ["-H", FAR, "-u", "nat", "-t", "20"]
        commands = [("chk_mysql_ping", 1), ("check_mysql_ping", 3)]
        with far.inside():
            with stopped(far):
                for number in range(10):
                    command, code = commands[number % 2]
                    with start(tmp_path, command, *ask, "--name", str(number)) as process:
                        assert eventually(lambda: self.waits(process.pid))
                        process.terminate()
                        assert process.wait(10) == code
                asyncio.run(self.abandoned(far.port))
            assert eventually(lambda: bool(far.query("SELECT 1 FROM performance_schema.host_cache")))
            assert oneshot(mysql_ping, "-H", FAR, "-u", "unknown").state == CRITICAL  # a success would reset the count
        assert self.counted(far) == 0

    @staticmethod
    def waits(pid: int) -> bool:
        """Return whether a process has a connection that stands."""
        try:
            links = [str(link.readlink()) for link in Path(f"/proc/{pid}/fd").iterdir()]
        except OSError:
            return False
        lines = Path(f"/proc/{pid}/net/tcp").read_text().splitlines()[1:]
        return asleep(pid) and any(f"socket:[{line.split()[9]}]" in links for line in lines if line.split()[3] == "01")

    @staticmethod
    async def abandoned(port: int) -> None:
        """Begin checks in an agent's driver, and close it while they wait for the server."""
        driver = Driver()
        values = {"host": FAR, "port": Port(port), "user": "nat", "timeout": Seconds(20)}
        for number in range(10):
            driver.start(Run(driver, str(number), mysql_ping, values, 20, lambda _result: None))
        async with asyncio.timeout(10):
            while not all(run.registered and run.awaits & 1 for run in driver.active):  # noqa: ASYNC110 - nothing tells of it
                await asyncio.sleep(0.01)
        driver.close()

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


class TestDeadline:
    """Whatever the server does, the run ends in time."""

    @staticmethod
    def drip(connection: Connection) -> None:
        """Send a greeting of many bytes, one at a time."""
        for byte in frame(greeting(version=b"8" * 1000), 0):
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
    @pytest.mark.alone
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
            assert time.monotonic() - begun < 3
        assert result.state == CRITICAL
        assert result.expired
        assert "within 0.15 s" in result.text

    @pytest.mark.alone
    def test_a_server_that_drips(self) -> None:
        """A byte now and then does not prolong the run."""
        with serve(self.drip) as port:
            begun = time.monotonic()
            assert ping(port, "-t", "0.2").expired
            assert time.monotonic() - begun < 3

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
                assert ping(port, "-u", "x", "-t", "0.1").expired
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


def server_context(folder: Path) -> ssl.SSLContext:
    """Return the settings of a TLS server."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(folder / "server.pem", folder / "server.key")
    return context


@contextmanager
def stopped(server: MariaDB) -> Iterator[None]:
    """Let a server sleep."""
    server.process.send_signal(signal.SIGSTOP)
    try:
        yield
    finally:
        server.process.send_signal(signal.SIGCONT)


def asleep(pid: int) -> bool:
    """Return whether a process waits in poll()."""
    return "poll" in Path(f"/proc/{pid}/wchan").read_text()


def eventually(condition: Callable[[], bool]) -> bool:
    """Wait for what another process or thread is about to do."""
    deadline = time.monotonic() + 60
    while not condition():
        if time.monotonic() > deadline:
            return False
        time.sleep(0.005)
    return True


# what chk_mysql_ping loads beside what every chk_ command does
LOADS = """_sha1 vipwarden.net.file vipwarden.protocol vipwarden.protocol.mysql
    vipwarden.protocol.mysql.auth vipwarden.protocol.mysql.codec vipwarden.protocol.mysql.option_file
    vipwarden.protocol.mysql.options vipwarden.protocol.mysql.session"""


@contextmanager
def healthy(folder: Path) -> Iterator[str]:
    """Yield options with which the check is OK."""
    with mariadb() as database:
        database.query("CREATE USER ping@localhost IDENTIFIED BY 'secret'")
        defaults = folder / "my.cnf"
        defaults.write_text("[client]\nuser=ping\npassword=secret\n")
        defaults.chmod(0o600)
        yield f"-H 127.0.0.1 -P {database.port} -f {defaults}"
