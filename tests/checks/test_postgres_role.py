"""Is a PostgreSQL server a primary or a standby? Beside a real pair."""

from __future__ import annotations

import os
import posix
import pwd
import sys
from contextlib import contextmanager
from typing import TYPE_CHECKING

import pytest

from checks.postgres_role import postgres_role
from tests.agent.drive import resident
from tests.checks.postgres import ask, eventually, passfile
from tests.drive import oneshot
from tests.servers.mariadb import certificates
from tests.servers.postgres import Postgres, postgres
from vipwarden.core.result import CRITICAL, OK, UNKNOWN, WARNING, State

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path


LOADS = f"""{"_sha2" if sys.version_info >= (3, 12) else "_sha256"} binascii vipwarden.net.file
    vipwarden.net.secret vipwarden.protocol vipwarden.protocol.hashes vipwarden.protocol.postgres
    vipwarden.protocol.postgres.codec vipwarden.protocol.postgres.passfile vipwarden.protocol.postgres.scram
    vipwarden.protocol.postgres.session vipwarden.protocol.wire"""
ME = pwd.getpwuid(os.geteuid()).pw_name
RULES = (
    f"local all {ME} peer",
    "local all all scram-sha-256",
    "host all scram 127.0.0.1/32 scram-sha-256",
    "host all old 127.0.0.1/32 md5",
    "hostssl all safe 127.0.0.1/32 scram-sha-256",
    "host all clear 127.0.0.1/32 password",
    "host all trust 127.0.0.1/32 trust",
)
ROLES = """SET password_encryption = 'md5'; CREATE ROLE old LOGIN PASSWORD 'secret';
SET password_encryption = 'scram-sha-256'; CREATE ROLE scram LOGIN PASSWORD 'secret';
CREATE ROLE safe LOGIN PASSWORD 'secret'; CREATE ROLE clear LOGIN PASSWORD 'secret'; CREATE ROLE trust LOGIN;"""

pytestmark = pytest.mark.usefixtures("secret")


@pytest.fixture(scope="module")
def primary(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Postgres]:
    """Run a primary."""
    folder = tmp_path_factory.mktemp("tls")
    certificates(folder, "127.0.0.1")
    with postgres(RULES, folder) as server:
        server.query(f'{ROLES} CREATE ROLE "{ME}" LOGIN')
        (server.folder / "ca.pem").write_bytes((folder / "ca.pem").read_bytes())
        yield server


@pytest.fixture(scope="module")
def standby(primary: Postgres) -> Iterator[Postgres]:
    """Run a standby of it."""
    with primary.standby() as server:
        yield server


@contextmanager
def healthy(folder: Path) -> Iterator[str]:
    """Yield options with which the check is OK."""
    with postgres(RULES) as server:
        server.query(ROLES)
        yield f"-H 127.0.0.1 -p {server.port} -u scram -f {passfile(folder)}"


class TestLogin:
    """Every way of proving who one is."""

    @pytest.mark.parametrize(
        ("arguments", "state", "text"),
        [
            ("-u scram", OK, "is a primary ("),
            ("-u old", OK, "is a primary ("),
            ("-u trust", OK, "is a primary ("),
            ("-u clear", UNKNOWN, "asks for the password in clear, which needs TLS"),
            ("-u clear --insecure", OK, "is a primary ("),
            ("-u safe", CRITICAL, "refused the login: no pg_hba.conf entry for host"),
            ("-u safe --ca-file CA", OK, "is a primary ("),
            ("-u safe --insecure", OK, "is a primary ("),
            ("-u safe -S", CRITICAL, "is not valid"),
            ("-u nobody", CRITICAL, "refused the login"),
            ("-u scram -d none", CRITICAL, 'answered error 3D000: database "none" does not exist'),
        ],
    )
    def test_by_tcp(self, primary: Postgres, arguments: str, state: State, text: str) -> None:
        """Both drivers say the same."""
        words = arguments.replace("CA", f"{primary.folder}/ca.pem").split()
        for drive in (oneshot, resident):
            result = drive(postgres_role, "-H", "127.0.0.1", "-p", str(primary.port), *words)
            assert (result.state, text in result.text) == (state, True), result

    def test_a_wrong_password_is_critical(self, primary: Postgres, secret: Callable[[str], None]) -> None:
        """In the words of the server, without the password."""
        secret("hunter2")
        for user in ("scram", "old"):
            result = ask(primary, "-u", user)
            assert result.state == CRITICAL
            assert f'refused the login: password authentication failed for user "{user}"' in result.text
            assert "hunter2" not in result.text

    def test_a_missing_password_is_unknown(self, primary: Postgres, monkeypatch: pytest.MonkeyPatch) -> None:
        """Nobody was asked; and what is missing is said."""
        monkeypatch.delitem(posix.environ, b"PGPASSWORD")
        result = ask(primary, "-u", "scram")
        assert result.state == UNKNOWN
        assert "asks for the password of 'scram': give a passfile or PGPASSWORD" in result.text

    def test_by_the_unix_socket(self, primary: Postgres, tmp_path: Path) -> None:
        """By peer for who runs the check, by password for others; the folder is enough."""
        path = f"{primary.socket}/.s.PGSQL.{primary.port}"
        assert oneshot(postgres_role, "-H", path).state == OK
        assert oneshot(postgres_role, "-H", primary.socket, "-p", str(primary.port)).state == OK
        path = passfile(tmp_path, "localhost:*:*:scram:secret")
        arguments = ("-H", primary.socket, "-p", str(primary.port), "-u", "scram", "-f", path)
        assert oneshot(postgres_role, *arguments).state == OK

    def test_a_passfile(self, primary: Postgres, tmp_path: Path, secret: Callable[[str], None]) -> None:
        """Goes before PGPASSWORD; who else may read it is told, who may write it is kept out."""
        secret("wrong")
        assert ask(primary, "-u", "scram", "-f", passfile(tmp_path)).notes == []
        assert "chmod 600" in ask(primary, "-u", "scram", "-f", passfile(tmp_path, mode=0o644)).notes[0]
        for path, reason in (
            (passfile(tmp_path, mode=0o666), "can be written by everybody"),
            ("/nonexistent", "cannot read /nonexistent"),
            (str(tmp_path), "is no regular file"),
        ):
            result = ask(primary, "-u", "scram", "-f", path)
            assert (result.state, reason in result.text) == (UNKNOWN, True)
        result = ask(primary, "-u", "old", "-f", passfile(tmp_path))
        assert (result.state, "has no line for" in result.text) == (UNKNOWN, True)

    def test_the_server_logs_neither_start_nor_end(self, primary: Postgres) -> None:
        """No "incomplete startup packet", and no connection that was lost."""
        before = len(primary.log.read_text())
        for arguments in ("-u scram", "-u old --insecure", "-u scram -d none", "-u nobody", "-u safe --standby"):
            ask(primary, *arguments.split())
        assert eventually(
            lambda: primary.query("SELECT count(*) FROM pg_stat_activity WHERE usename <> 'postgres'") == "0"
        )
        log = primary.log.read_text()[before:]
        assert "connection authorized: user=scram" in log
        for line in ("incomplete startup packet", "unexpected EOF", "could not receive", "invalid"):
            assert line not in log


class TestRole:
    """A pair of servers."""

    def test_a_standby(self, standby: Postgres) -> None:
        """It streams, and has replayed what it received."""
        assert eventually(lambda: ask(standby, "-u", "scram").state == OK)
        result = ask(standby, "-u", "scram", "--standby", "--lag-critical", "0.5")
        assert result.state == OK
        assert "is a standby, 0 s behind (" in result.text
        assert {metric.name: metric.value for metric in result.metrics}["lag"] == 0
        result = ask(standby, "-u", "scram", "--primary")
        assert (result.state, "is a standby, not a primary" in result.text) == (CRITICAL, True)

    def test_a_primary(self, primary: Postgres) -> None:
        """It takes writes, if it is not set to read only."""
        assert ask(primary, "-u", "scram", "--primary").state == OK
        result = ask(primary, "-u", "scram", "--standby")
        assert (result.state, "is a primary, not a standby" in result.text) == (CRITICAL, True)
        primary.query("ALTER ROLE scram SET default_transaction_read_only = on")
        try:
            result = ask(primary, "-u", "scram", "--primary")
            assert (result.state, "set to read only" in result.text) == (CRITICAL, True)
            assert ask(primary, "-u", "scram").state == WARNING
        finally:
            primary.query("ALTER ROLE scram RESET default_transaction_read_only")

    def test_a_standby_that_falls_behind(self, primary: Postgres, standby: Postgres) -> None:
        """It has received what it does not replay."""
        primary.query("CREATE TABLE IF NOT EXISTS written (number int)")
        there = "SELECT count(*) FROM pg_class WHERE relname = 'written'"
        assert eventually(lambda: standby.query(there) == "1")
        standby.query("SELECT pg_wal_replay_pause()")
        try:
            assert eventually(lambda: standby.query("SELECT pg_get_wal_replay_pause_state()") == "paused")
            primary.query("INSERT INTO written VALUES (1)")
            late = ("-u", "scram", "--lag-critical", "0.001")
            assert eventually(lambda: ask(standby, *late).state == CRITICAL)
            result = ask(standby, "-u", "scram", "--lag-critical", "86400")
            assert (result.state, "its replay is paused" in result.text) == (WARNING, True)
            values = {metric.name: metric.value for metric in result.metrics}
            assert values["lag"] > 0
            assert values["replay_queue"] > 0
        finally:
            standby.query("SELECT pg_wal_replay_resume()")

    def test_a_standby_that_was_cut_off(self, standby: Postgres) -> None:
        """It does not know what it lacks: its age is that of what it replayed last."""
        line = standby.query("SHOW primary_conninfo")
        standby.query("ALTER SYSTEM SET primary_conninfo = ''")
        standby.query("SELECT pg_reload_conf()")
        try:
            assert eventually(lambda: "does not stream from a primary" in ask(standby, "-u", "scram").text)
            assert ask(standby, "-u", "scram", "--standby").state == WARNING
        finally:
            quoted = line.replace("'", "''")
            standby.query(f"ALTER SYSTEM SET primary_conninfo = '{quoted}'")
            standby.query("SELECT pg_reload_conf()")
        assert eventually(lambda: ask(standby, "-u", "scram", "--standby").state == OK)


@pytest.mark.parametrize(
    ("arguments", "reason"),
    [
        ("--primary --standby", "give one of them"),
        ("--primary --lag-critical 5", "only a standby has a lag"),
        ("-H /run/postgresql -S", "TLS is for TCP"),
    ],
)
def test_options_that_contradict_each_other(arguments: str, reason: str) -> None:
    """Nothing is sent."""
    result = oneshot(postgres_role, *arguments.split())
    assert (result.state, reason in result.text) == (UNKNOWN, True)
