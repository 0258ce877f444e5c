"""What does chk_mysql_role make of MySQL 8, Percona and Galera in trouble, in golden rows?"""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING

import pytest

from tests.checks.mysql_role import role
from tests.servers.fake_mysql import OK as ACCEPTED
from tests.servers.fake_mysql import Connection, greeting, serve
from vipwarden.core.result import CRITICAL, OK, WARNING, State

if TYPE_CHECKING:
    from collections.abc import Iterator

pytestmark = pytest.mark.usefixtures("password")


def packet(*texts: str | None) -> bytes:
    """Return a row."""
    parts = (b"\xfb" if text is None else bytes([len(text)]) + text.encode() for text in texts)
    return b"".join(parts)


END = b"\xfe\0\0\2\0"
NATIVE = b"mysql_native_password"


def answers(table: list[dict[str, str]]) -> list[bytes]:
    """Return the packets of a result."""
    names = list(table[0]) if table else ["a"]
    heads = [packet("def", "", "", "", name, name) for name in names]
    return [bytes([len(names)]), *heads, END, *(packet(*row.values()) for row in table), END]


@contextmanager
def server_that_says(
    variables: dict[str, str], replication: bytes | list[dict[str, str]]
) -> Iterator[tuple[int, list[str]]]:
    """Run a server with these variables, which answers SHOW REPLICA STATUS by rows or by an error."""
    asked: list[str] = []

    def handle(connection: Connection) -> None:
        connection.write(greeting(NATIVE, version=b"8.4.3"))
        connection.read()
        connection.write(ACCEPTED)
        while (query := connection.read())[:1] == b"\3":
            asked.append(query[1:].decode())
            shown = [{"Variable_name": name, "Value": value} for name, value in variables.items()]
            packets = answers(shown if "Variable_name" in asked[-1] else [])
            if "Variable_name" not in asked[-1]:
                packets = [replication] if isinstance(replication, bytes) else answers(replication)
                if isinstance(replication, bytes) and asked[-1] == "SHOW SLAVE STATUS":
                    packets = answers([OLD])
            for one in packets:
                connection.write(one)

    with serve(handle) as port:
        yield port, asked


GALERA = {
    "wsrep_on": "ON", "wsrep_cluster_size": "3", "wsrep_cluster_status": "Primary", "wsrep_ready": "ON",
    "wsrep_connected": "ON", "wsrep_local_state": "4", "wsrep_local_state_comment": "Synced",
}  # fmt: skip
SYNTAX = b"\xff\x28\x04#42000You have an error in your SQL syntax"
OLD = {"Slave_IO_Running": "Yes", "Slave_SQL_Running": "Yes", "Seconds_Behind_Master": "3"}
DONOR = {**GALERA, "wsrep_local_state": "2", "wsrep_local_state_comment": "Donor/Desynced"}
JOINING = {**GALERA, "wsrep_local_state": "1", "wsrep_local_state_comment": "Joining"}
RUNS = {"Replica_IO_Running": "Yes", "Replica_SQL_Running": "Yes"}
LATE = {**RUNS, "Seconds_Behind_Source": "9"}


class TestOthers:
    """What MySQL 8, Percona XtraDB Cluster and Galera in trouble say, in golden rows."""

    @pytest.mark.parametrize(
        ("variables", "replication", "arguments", "state", "text"),
        [
            ({"super_read_only": "ON"}, [LATE], "", OK, "is read only, replicates, 9 s behind"),
            ({}, [LATE], "--lag-critical 5", CRITICAL, "9 s behind"),
            ({}, [LATE], "--lag-warning 5", WARNING, "9 s behind"),
            ({}, [RUNS], "--lag-critical 5", CRITICAL, "does not know how far it is behind"),
            ({}, SYNTAX, "--replica", OK, "is writable, replicates, 3 s behind"),
            ({**GALERA}, [], "--cluster-size 3:3", OK, "is synced in a Galera cluster of 3 members"),
            ({**GALERA, "wsrep_cluster_status": "non-Primary"}, [], "", CRITICAL, "not primary (3 members)"),
            ({**GALERA, "wsrep_ready": "OFF"}, [], "", CRITICAL, "is not ready in its Galera cluster"),
            (JOINING, [], "--donor ok", CRITICAL, "is Joining in a Galera cluster"),
            (DONOR, [], "--donor ok", OK, "is Donor/Desynced in a Galera cluster"),
            ({"pxc_maint_mode": "MAINTENANCE"}, [], "", CRITICAL, "is in maintenance (pxc_maint_mode = MAINTENANCE)"),
            (
                {"max_connections": "151", "Threads_connected": "150"}, [], "--free-warning 10:", WARNING,
                "has 1 of 151 connections left",
            ),
        ],
    )  # fmt: skip
    def test_rows(
        self,
        variables: dict[str, str],
        replication: bytes | list[dict[str, str]],
        arguments: str,
        state: State,
        text: str,
    ) -> None:
        """Each leads to a state and a text."""
        with server_that_says(variables, replication) as (port, _):
            result = role(port, *arguments.split())
        assert (result.state, text in result.text) == (state, True), result

    def test_mysql_is_asked_by_the_new_word_first(self) -> None:
        """8.4 knows only that, servers before 8.0.22 only the old one."""
        with server_that_says({}, SYNTAX) as (port, asked):
            role(port)
        assert asked[-2:] == ["SHOW REPLICA STATUS", "SHOW SLAVE STATUS"]

    @pytest.mark.parametrize(
        ("reply", "said"),
        [
            (b"\xfb/etc/passwd", "answered the query with '\\xfb/etc/passwd'"),
            (b"\1", "no answer from"),
            (b"\xff\x1d\x04#08S01Server shutdown in progress", "answered error 1053"),
        ],
    )
    def test_answers_that_are_none(self, reply: bytes, said: str) -> None:
        """No file is sent, and the deadline holds."""

        def handle(connection: Connection) -> None:
            connection.write(greeting(NATIVE))
            connection.read()
            connection.write(ACCEPTED)
            connection.read()
            connection.write(reply)
            connection.rest()

        with serve(handle) as port:
            result = role(port, "-t", "0.5")
        assert (result.state, said in result.text) == (CRITICAL, True), result
