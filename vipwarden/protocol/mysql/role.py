"""What does a server say of its role: who may write, what it replicates, and its part in a Galera cluster?"""

from __future__ import annotations

from vipwarden.protocol.mysql.codec import RefusalError
from vipwarden.protocol.mysql.rows import rows

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from vipwarden.protocol.mysql.session import Session

_SYNTAX_ERROR, _DENIED = 1064, (1227, 1142)
_VARIABLES = ("read_only", "super_read_only", "max_connections", "wsrep_on", "wsrep_desync", "pxc_maint_mode")
_STATUS = (
    "Threads_connected", "wsrep_cluster_status", "wsrep_cluster_size", "wsrep_ready", "wsrep_connected",
    "wsrep_local_state", "wsrep_local_state_comment",
)  # fmt: skip
_OFF = ("", "0", "off", "no", "false")


class Channel:
    """One source that a server replicates from; ``lag`` in seconds, None where it is not known."""

    __slots__ = ("error", "io", "lag", "name", "sql")

    def __init__(self, row: Mapping[str, str]) -> None:
        """Read a row of SHOW REPLICA STATUS, or of SHOW SLAVE STATUS."""
        self.name = row.get("Connection_name") or row.get("Channel_Name") or ""
        self.io = _either(row, "Replica_IO_Running", "Slave_IO_Running").lower()
        self.sql = _either(row, "Replica_SQL_Running", "Slave_SQL_Running").lower()
        lag = _either(row, "Seconds_Behind_Source", "Seconds_Behind_Master")
        self.lag = int(lag) if lag.isdecimal() and len(lag) < 19 else None
        self.error = row.get("Last_SQL_Error") or row.get("Last_IO_Error") or ""

    @property
    def fault(self) -> str:
        """Why it does not replicate, "" where it does."""
        parts = [
            f"the {what} thread {'is connecting' if state == 'connecting' else 'has stopped'}"
            for what, state in (("I/O", self.io), ("SQL", self.sql))
            if state != "yes"
        ]
        if not parts:
            return ""
        name = f" of {self.name!r}" if self.name else ""
        return f"replication{name} is broken: {' and '.join(parts)}{f' ({self.error})' if self.error else ''}"


class Galera:
    """The part of a server in a cluster."""

    __slots__ = ("desync", "primary", "ready", "size", "state")

    def __init__(self, values: Mapping[str, str]) -> None:
        size = values.get("wsrep_cluster_size", "")
        self.size = int(size) if size.isdecimal() and len(size) < 9 else 0
        self.primary = values.get("wsrep_cluster_status", "").lower() == "primary"
        self.ready = _on(values, "wsrep_ready") and _on(values, "wsrep_connected")
        self.state = values.get("wsrep_local_state_comment", "") or "unknown"
        self.desync = _on(values, "wsrep_desync") or values.get("wsrep_local_state") == "2"

    @property
    def synced(self) -> bool:
        """Whether it has all that the cluster has written."""
        return self.state.lower() == "synced"


class Role:
    """All of it; ``channels`` is None where the account may not see the replication."""

    __slots__ = ("channels", "connections", "galera", "maintenance", "most", "read_only")

    def __init__(self, values: Mapping[str, str], channels: Sequence[Mapping[str, str]] | None) -> None:
        self.read_only = _on(values, "read_only") or _on(values, "super_read_only")
        self.galera = Galera(values) if _on(values, "wsrep_on") else None
        maintenance = values.get("pxc_maint_mode", "DISABLED")
        self.maintenance = "" if maintenance.upper() == "DISABLED" else maintenance
        self.connections, self.most = (_count(values, name) for name in ("Threads_connected", "max_connections"))
        self.channels = None if channels is None else [Channel(row) for row in channels]


async def ask(session: Session, *, mariadb: bool) -> Role:
    """Return the role of a server; raises NetError, and RefusalError."""
    values: dict[str, str] = {}
    for what, wanted in (("VARIABLES", _VARIABLES), ("STATUS", _STATUS)):
        quoted = ", ".join(f"'{name}'" for name in wanted)
        for row in await rows(session, f"SHOW GLOBAL {what} WHERE Variable_name IN ({quoted})"):
            values[row.get("Variable_name", "")] = row.get("Value", "")
    words = ("ALL SLAVES",) if mariadb else ("REPLICA", "SLAVE")  # each new version has other words
    for word in words:
        try:
            return Role(values, await rows(session, f"SHOW {word} STATUS"))
        except RefusalError as refusal:
            if refusal.code in _DENIED:
                break
            if refusal.code != _SYNTAX_ERROR or word == words[-1]:
                raise
    return Role(values, None)


def _on(values: Mapping[str, str], name: str) -> bool:
    return values.get(name, "").lower() not in _OFF


def _count(values: Mapping[str, str], name: str) -> int | None:
    text = values.get(name, "")
    return int(text) if text.isdecimal() and len(text) < 19 else None


def _either(row: Mapping[str, str], new: str, old: str) -> str:
    return row.get(new) or row.get(old, "")
