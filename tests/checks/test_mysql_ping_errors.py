"""Does the MySQL ping get its host blocked? Against a MariaDB in a namespace that counts connect errors."""

from __future__ import annotations

import asyncio
import signal
import socket
import time
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from agent.driver import Driver
from agent.run import Run
from checks.mysql_ping import mysql_ping
from tests.checks.mysql import ACCOUNTS, asleep, eventually
from tests.commands import start, stop
from tests.drive import oneshot
from tests.servers.mariadb import FAR, MariaDB, mariadb
from vipwarden.core.result import CRITICAL, OK
from vipwarden.core.values import Port, Seconds

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

pytestmark = pytest.mark.usefixtures("password")


@pytest.fixture(scope="module")
def far() -> Iterator[MariaDB]:
    """Run a server that counts connect errors, and blocks a host after the third."""
    with mariadb("--max-connect-errors=3", far=True) as running:
        running.query(*ACCOUNTS)
        yield running


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


@contextmanager
def stopped(server: MariaDB) -> Iterator[None]:
    """Let a server sleep."""
    stop(server.process)
    try:
        yield
    finally:
        server.process.send_signal(signal.SIGCONT)
