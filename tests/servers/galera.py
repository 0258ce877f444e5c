"""A real Galera cluster of two MariaDB servers on loopback."""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING

from tests.commands import program
from tests.servers.mariadb import MariaDB, mariadb
from tests.servers.ports import free_ports

if TYPE_CHECKING:
    from collections.abc import Iterator

# of the second member, which has what the first one has, so that no data need to be sent
_STATE = "# GALERA saved state\nversion: 2.1\nuuid: {}\nseqno: {}\nsafe_to_bootstrap: 0\n"
_TIMES = "evs.inactive_check_period=PT0.2S;evs.suspect_timeout=PT3S;evs.inactive_timeout=PT4S"


@contextmanager
def galera(*statements: str) -> Iterator[tuple[MariaDB, MariaDB]]:
    """Run the two members of a cluster, each with the accounts that the statements make."""
    first, second, *transfers = free_ports(4)
    with mariadb(*_options(first, "", transfers[0])) as one:
        one.query(*statements)
        status = "SHOW STATUS WHERE Variable_name IN ('wsrep_cluster_state_uuid', 'wsrep_last_committed')"
        values = {row["Variable_name"]: row["Value"] for row in one.query(status)}
        state = _STATE.format(values["wsrep_cluster_state_uuid"], values["wsrep_last_committed"])
        with mariadb(*_options(second, f"127.0.0.1:{first}", transfers[1]), state=state) as two:
            two.query("SET SESSION wsrep_on = OFF", *statements)
            yield one, two


def _options(port: int, peers: str, transfer: int) -> list[str]:
    ports = f"base_port={port};gmcast.listen_addr=tcp://127.0.0.1:{port};ist.recv_addr=127.0.0.1:{transfer}"
    return [
        "--loose-plugin-wsrep-provider=OFF",  # in MariaDB 11 on by itself, and then the options below are fixed
        *("--wsrep-on=ON", f"--wsrep-provider={program('/usr/lib/galera/libgalera_smm.so')}"),
        *(f"--wsrep-cluster-address=gcomm://{peers}", "--wsrep-node-address=127.0.0.1", "--binlog-format=ROW"),
        *(f"--wsrep-provider-options=base_host=127.0.0.1;{ports};{_TIMES}", "--innodb-autoinc-lock-mode=2"),
    ]
