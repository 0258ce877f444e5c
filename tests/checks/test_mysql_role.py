"""May a server be written to, and does it replicate? Beside MariaDB pairs and a Galera cluster."""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING

import pytest

from checks.mysql_role import mysql_role
from tests.agent.drive import resident
from tests.checks.mysql import eventually
from tests.checks.mysql_role import role
from tests.drive import oneshot
from tests.servers.galera import galera
from tests.servers.mariadb import FAR, MariaDB, mariadb
from vipwarden.config.preset import PRESETS
from vipwarden.core.options import UsageError
from vipwarden.core.result import CRITICAL, OK, UNKNOWN, WARNING, Result, State

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path


LOADS = """_sha1 vipwarden.net.file vipwarden.net.secret vipwarden.protocol
    vipwarden.protocol.hashes vipwarden.protocol.mysql
    vipwarden.protocol.mysql.auth vipwarden.protocol.mysql.client vipwarden.protocol.mysql.codec
    vipwarden.protocol.mysql.option_file vipwarden.protocol.mysql.options vipwarden.protocol.mysql.role
    vipwarden.protocol.mysql.rows vipwarden.protocol.mysql.session"""
PRESET = [f"--{key.replace('_', '-')}={text}".removesuffix("=true") for key, text in PRESETS["galera"].items()][1:]
ACCOUNTS = (
    "CREATE USER mon@'%' IDENTIFIED BY 'secret'",
    "GRANT SLAVE MONITOR ON *.* TO mon@'%'",
    "CREATE USER less@'%' IDENTIFIED BY 'secret'",
    "CREATE USER copy@'%' IDENTIFIED BY 'secret'",
    "GRANT REPLICATION SLAVE ON *.* TO copy@'%'",
)

pytestmark = pytest.mark.usefixtures("password")


@pytest.fixture(scope="module")
def source() -> Iterator[MariaDB]:
    """Run a server that others replicate from."""
    with mariadb("--server-id=1", "--log-bin", "--max-connections=20") as server:
        server.query(*ACCOUNTS)
        yield server


@pytest.fixture(scope="module")
def replica(source: MariaDB) -> Iterator[MariaDB]:
    """Run a replica of it."""
    with mariadb("--server-id=2", "--read-only") as server:
        where = f"MASTER_HOST='127.0.0.1', MASTER_PORT={source.port}, MASTER_USER='copy', MASTER_PASSWORD='secret'"
        server.query(f"CHANGE MASTER TO {where}, MASTER_CONNECT_RETRY=1, MASTER_USE_GTID=slave_pos", "START SLAVE")
        assert eventually(lambda: oneshot(mysql_role, "-s", server.socket, "-u", "root").state == OK)
        yield server


@contextmanager
def healthy(folder: Path) -> Iterator[str]:
    """Yield options with which the check is OK."""
    with mariadb() as server:
        server.query(*ACCOUNTS)
        defaults = folder / "my.cnf"
        defaults.write_text("[client]\nuser=mon\npassword=secret\n")
        defaults.chmod(0o600)
        yield f"-H 127.0.0.1 -P {server.port} -f {defaults} --writable"


def values(result: Result) -> dict[str, float]:
    """Return the metrics by name."""
    return {metric.name: metric.value for metric in result.metrics}


class TestPair:
    """A source and its replica."""

    @pytest.mark.parametrize(
        ("arguments", "state", "text"),
        [
            ("", OK, "is writable ("),
            ("--writable", OK, "is writable ("),
            ("--replica", CRITICAL, "is writable, replicates from nobody"),
            ("--lag-critical 5", CRITICAL, "replicates from nobody"),
            ("--cluster-size 2:", CRITICAL, "is in no Galera cluster"),
            ("--free-critical 5:", OK, "is writable ("),
            ("--free-critical 100:", CRITICAL, "of 20 connections left"),
            ("-u less", OK, "may not show its replication: GRANT"),
            ("-u less --replica", UNKNOWN, "may not show its replication: GRANT"),
            ("-u nobody", CRITICAL, "refused the login of 'nobody': check password and grants"),
        ],
    )
    def test_a_source(self, source: MariaDB, arguments: str, state: State, text: str) -> None:
        """Both drivers say the same."""
        user = () if "-u" in arguments else ("-u", "mon")
        for drive in (oneshot, resident):
            result = drive(mysql_role, "-H", "127.0.0.1", "-P", str(source.port), *user, *arguments.split())
            assert (result.state, text in result.text) == (state, True), result

    def test_a_replica(self, replica: MariaDB) -> None:
        """It is read only, and not behind."""
        result = role(replica, "--replica", "--lag-warning", "1", "--lag-critical", "5")
        assert (result.state, "is read only, replicates, 0 s behind (" in result.text) == (OK, True)
        assert values(result)["lag"] == 0
        result = role(replica, "--writable")
        assert (result.state, "is read only" in result.text) == (CRITICAL, True)

    def test_replication_that_stopped(self, replica: MariaDB) -> None:
        """Each thread is named, with what the server says."""
        replica.query("STOP SLAVE SQL_THREAD")
        try:
            result = role(replica)
            assert (result.state, "broken: the SQL thread has stopped" in result.text) == (CRITICAL, True)
            replica.query("SET GLOBAL read_only = OFF")
            assert role(replica, "--writable").state == WARNING
        finally:
            replica.query("SET GLOBAL read_only = ON", "START SLAVE")
        assert eventually(lambda: role(replica).state == OK)

    def test_replication_that_cannot_connect(self, source: MariaDB, replica: MariaDB) -> None:
        """The reason is that of the server."""
        source.query("ALTER USER copy@'%' IDENTIFIED BY 'other'")
        try:
            replica.query("STOP SLAVE", "START SLAVE")
            assert eventually(lambda: "Access denied" in role(replica).text)
            result = role(replica, "--lag-critical", "5")
            assert (result.state, "the I/O thread is connecting" in result.text) == (CRITICAL, True)
        finally:
            source.query("ALTER USER copy@'%' IDENTIFIED BY 'secret'")
            replica.query("STOP SLAVE", "START SLAVE")
        assert eventually(lambda: role(replica).state == OK)

    def test_no_run_is_a_connect_error(self) -> None:
        """A host is blocked after the third: it never is."""
        with mariadb("--max-connect-errors=3", far=True) as far:
            far.query(*ACCOUNTS)
            with far.inside():
                for user, state in (("mon", OK), ("less", OK), ("nobody", CRITICAL)) * 3:
                    result = oneshot(mysql_role, "-H", FAR, "-P", str(far.port), "-u", user)
                    assert result.state == state
            errors = "SELECT SUM(sum_connect_errors) n FROM performance_schema.host_cache"
            assert far.query(errors)[0]["n"] in (0, None)


class TestGalera:
    """A real cluster, as small as it gets."""

    def test_a_member(self) -> None:
        """Synced, desynced and cut off from the other one."""
        with galera(*ACCOUNTS) as (one, two):
            assert eventually(lambda: role(one, "--cluster-size", "2:2").state == OK)
            assert eventually(lambda: role(two, "--writable", "--cluster-size", "2:2").state == OK)
            result = role(two)
            assert "is synced in a Galera cluster of 2 members (" in result.text
            assert role(two, *PRESET).state == OK
            assert values(result)["cluster_size"] == 2
            result = role(two, "--cluster-size", "3:")
            assert (result.state, "of 2 members, outside of 3:" in result.text) == (CRITICAL, True)
            two.query("SET GLOBAL wsrep_desync = ON")
            assert eventually(lambda: role(two).state == CRITICAL)
            assert role(two, "--donor", "warning").state == role(two, *PRESET).state == WARNING
            two.query("SET GLOBAL wsrep_desync = OFF")
            assert eventually(lambda: role(two).state == OK)
            two.query("SET GLOBAL wsrep_provider_options = 'gmcast.isolate=1'")
            for server in (one, two):
                assert eventually(lambda server=server: "component that is not primary" in role(server).text)  # type: ignore[misc]
                assert role(server).state == CRITICAL


def test_a_password_on_the_command_line_is_refused() -> None:
    """And not repeated."""
    with pytest.raises(UsageError, match="can be read by every user") as caught:
        role(1, "--password", "hunter2")
    assert "hunter2" not in str(caught.value)
