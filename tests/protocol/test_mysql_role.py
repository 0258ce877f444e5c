"""What is read from the rows of servers that no test can start: MySQL 8, Galera in trouble, Percona XtraDB Cluster?"""

from __future__ import annotations

import asyncio
import contextlib
from typing import TYPE_CHECKING

import pytest
from hypothesis import given
from hypothesis import strategies as st

from vipwarden.net.stream import NetError
from vipwarden.protocol.mysql.role import Channel, Role
from vipwarden.protocol.mysql.rows import rows

if TYPE_CHECKING:
    from collections.abc import Sequence

    from vipwarden.protocol.mysql.codec import PacketError

GALERA = {
    "wsrep_on": "ON", "wsrep_cluster_size": "3", "wsrep_cluster_status": "Primary", "wsrep_ready": "ON",
    "wsrep_connected": "ON", "wsrep_local_state": "4", "wsrep_local_state_comment": "Synced",
}  # fmt: skip


class Replies:
    """A session whose server sends these packets."""

    def __init__(self, packets: Sequence[bytes]) -> None:
        self.packets = list(packets)

    async def ask(self, _command: bytes) -> bytes:
        """Return the first one."""
        return await self.packet()

    async def packet(self) -> bytes:
        """Return the next one."""
        if not self.packets:
            raise NetError("reset", "no more")
        return self.packets.pop(0)

    def broken(self, error: PacketError) -> NetError:
        """Return what a Session makes of it."""
        return NetError("reset", f"it {error}")


def read(*packets: bytes) -> list[dict[str, str]]:
    """Return the rows in some packets."""
    return asyncio.run(rows(Replies(packets), "SELECT 1"))  # type: ignore[arg-type]


def text(*values: str | None) -> bytes:
    """Return strings with their lengths."""
    parts = []
    for value in values:
        raw = (value or "").encode()
        size = len(raw).to_bytes(1, "little") if len(raw) < 251 else b"\xfc" + len(raw).to_bytes(2, "little")
        parts.append(b"\xfb" if value is None else size + raw)
    return b"".join(parts)


def column(name: str) -> bytes:
    """Return the definition of a column."""
    return text("def", "", "", "", name, name) + bytes(13)


END = b"\xfe\0\0\2\0"


def test_rows_are_texts_by_column() -> None:
    """NULL is left out, and a long text is cut."""
    got = read(b"\2", column("a"), column("b"), END, text("1", None), text("x" * 300, "é"), END)
    assert got == [{"a": "1"}, {"a": "x" * 197 + "...", "b": "é"}]
    assert read(b"\1", column("a"), END, END) == []


@pytest.mark.parametrize(
    ("packets", "said"),
    [
        ((b"\xfb/etc/passwd",), "answered the query with '\\xfb/etc/passwd'"),
        ((b"\0\0\0",), "answered the query with"),
        ((b"",), "answered the query with"),
        ((b"\xc9",), "answered the query with"),
        ((b"\1", b"\3def"), "sent a row that is cut short"),
        ((b"\1", column("a"), column("b")), "does not end the columns"),
        ((b"\1", column("a"), END, b"\5abc"), "sent a row that is cut short"),
        ((b"\1", column("a"), END, b"\xfd\xff\xff\xff"), "sent a row that is cut short"),
        ((b"\1", column("a"), END, b"\xff"), "sent a row that is cut short"),
        ((b"\1", column("a"), END, *[text("x")] * 300), "more than 200 rows"),
    ],
)
def test_what_are_no_rows(packets: tuple[bytes, ...], said: str) -> None:
    """No file of this node is sent, and nothing is endless."""
    with pytest.raises(NetError) as caught:
        read(*packets)
    assert said in caught.value.text


@given(st.integers(1, 200), st.lists(st.binary(max_size=30), max_size=8))
def test_noise_is_read_or_refused(count: int, packets: list[bytes]) -> None:
    """Never anything else."""
    with contextlib.suppress(NetError):
        read(bytes([count]), *packets)


@pytest.mark.parametrize(
    ("row", "lag", "fault"),
    [
        ({"Slave_IO_Running": "Yes", "Slave_SQL_Running": "Yes", "Seconds_Behind_Master": "7"}, 7, ""),
        ({"Replica_IO_Running": "Yes", "Replica_SQL_Running": "Yes", "Seconds_Behind_Source": "0"}, 0, ""),
        (
            {"Replica_IO_Running": "Connecting", "Replica_SQL_Running": "Yes", "Channel_Name": "east",
             "Last_IO_Error": "error connecting"},
            None,
            "replication of 'east' is broken: the I/O thread is connecting (error connecting)",
        ),
        (
            {"Slave_IO_Running": "Yes", "Slave_SQL_Running": "No", "Last_SQL_Error": "Duplicate"},
            None,
            "replication is broken: the SQL thread has stopped (Duplicate)",
        ),
        ({}, None, "replication is broken: the I/O thread has stopped and the SQL thread has stopped"),
        ({"Slave_IO_Running": "Yes", "Slave_SQL_Running": "Yes", "Seconds_Behind_Master": "²"}, None, ""),
    ],
)  # fmt: skip
def test_a_channel_by_old_words_and_by_new_ones(row: dict[str, str], lag: int | None, fault: str) -> None:
    """MariaDB, MySQL to 8.0 and MySQL from 8.4 differ in nothing but words."""
    channel = Channel(row)
    assert (channel.lag, channel.fault) == (lag, fault)


def test_the_part_of_a_server_in_a_cluster() -> None:
    """As the provider tells it."""
    galera = Role(GALERA, []).galera
    assert galera is not None
    assert (galera.primary, galera.ready, galera.synced, galera.desync, galera.size) == (True, True, True, False, 3)
    donor = Role({**GALERA, "wsrep_local_state": "2", "wsrep_local_state_comment": "Donor/Desynced"}, []).galera
    assert donor is not None
    assert (donor.synced, donor.desync) == (False, True)
    lone = Role({**GALERA, "wsrep_cluster_status": "non-Primary", "wsrep_ready": "OFF"}, []).galera
    assert lone is not None
    assert (lone.primary, lone.ready) == (False, False)
    assert Role({"wsrep_on": "OFF"}, []).galera is None


@pytest.mark.parametrize(
    ("values", "read_only"),
    [
        ({"read_only": "OFF"}, False),
        ({"read_only": "ON"}, True),
        ({"read_only": "NO_LOCK_NO_ADMIN"}, True),
        ({"read_only": "OFF", "super_read_only": "ON"}, True),
        ({}, False),
    ],
)
def test_who_may_write(values: dict[str, str], read_only: bool) -> None:
    """By either variable, and the levels of MariaDB 12."""
    assert Role(values, None).read_only is read_only


def test_maintenance_is_whatever_is_not_disabled() -> None:
    """Of Percona XtraDB Cluster."""
    assert Role({"pxc_maint_mode": "DISABLED"}, None).maintenance == ""
    assert Role({"pxc_maint_mode": "MAINTENANCE"}, None).maintenance == "MAINTENANCE"
    assert Role({}, None).maintenance == ""
