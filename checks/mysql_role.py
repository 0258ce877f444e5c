"""May a MySQL or MariaDB server be written to, and does it replicate?

Nagios mysql_writable!DEFAULTS_FILE: -f DEFAULTS_FILE --writable
Nagios mysql_replica!DEFAULTS_FILE!SECONDS: -f DEFAULTS_FILE --replica --lag-critical SECONDS
NRPE mysql_role: -f /etc/vipwarden/mysql.cnf
"""

from __future__ import annotations

from vipwarden.core.result import CRITICAL, OK, UNKNOWN, WARNING, Metric, Range, Result, State, judge, one_line
from vipwarden.core.values import Host, Port, Seconds
from vipwarden.net.stream import NetError
from vipwarden.protocol.mysql.client import Client
from vipwarden.protocol.mysql.codec import RefusalError
from vipwarden.protocol.mysql.options import Password, Tls, target_of
from vipwarden.protocol.mysql.role import ask

TYPE_CHECKING = False
if TYPE_CHECKING:
    from vipwarden.net.net import Net
    from vipwarden.protocol.mysql.role import Galera, Role
    from vipwarden.protocol.mysql.session import Session

LATER = ("vipwarden.net.file", "vipwarden.net.secret", "vipwarden.protocol.mysql.option_file")


async def mysql_role(
    net: Net,
    *,
    host: Host | None = None,
    port: Port | None = None,
    socket: str | None = None,
    user: str | None = None,
    password: Password | None = None,  # noqa: ARG001 - its type refuses every text
    defaults_file: str | None = None,
    group: str = "client",
    writable: bool = False,
    replica: bool = False,
    lag_warning: Range | None = None,
    lag_critical: Range | None = None,
    donor: State = CRITICAL,
    cluster_size: Range | None = None,
    free_warning: Range | None = None,
    free_critical: Range | None = None,
    tls: bool = False,
    ca_file: str | None = None,
    insecure: bool = False,
    warning: Range | None = None,
    critical: Range | None = None,
    timeout: Seconds = Seconds(10),
) -> Result:
    """May a MySQL or MariaDB server be written to, and does it replicate?

    Logs in as mysql_ping does, and like it is never counted as a connect error. Broken replication is CRITICAL, on a
    server that has to be writable WARNING. A member of a Galera cluster must be synced, in the primary component and
    ready; a node of Percona XtraDB Cluster must not be in maintenance (pxc_maint_mode). The password comes from a
    defaults file or from MYSQL_PWD.

    host: name, IPv4 or IPv6 address; default host or socket of the defaults file, else 127.0.0.1
    port: TCP port; default that of the defaults file, else 3306
    socket: absolute path of the unix socket, instead of a host
    user: account to log in with; to see the replication it needs REPLICATION CLIENT, in MariaDB SLAVE MONITOR
    password: always refused, because every user of the node can read it: use a defaults file or MYSQL_PWD
    defaults_file: MySQL option file with user, password, host, port, socket, ssl-ca and so on; mode 0600
    group: group of the defaults file to read in addition to [client]
    writable: the server must take writes
    replica: the server must replicate from another one
    lag_warning: range for the seconds by which a replica is behind its source
    lag_critical: range for the seconds by which a replica is behind its source
    donor: state for a Galera member that is donor or desynced: ok, warning or critical
    cluster_size: range for the members of the Galera cluster; outside of it the state is CRITICAL
    free_warning: range for the connections that are still free
    free_critical: range for the connections that are still free
    tls: use TLS; verify certificate and host name
    ca_file: PEM file with the CA certificates to trust instead of the system's; implies TLS
    insecure: use TLS without verification: a man in the middle can read the password; implies TLS
    warning: range for the duration in seconds
    critical: range for the duration in seconds
    timeout: deadline for the whole run in seconds
    """
    net.begin(timeout)
    try:
        settings = Tls(tls, ca_file, insecure)
        target = await target_of(net, host, port, socket, user, None, defaults_file, group, settings)
    except NetError as error:
        return error.result("cannot read the defaults file")
    except ValueError as error:
        return Result(UNKNOWN, one_line(str(error)))
    client = Client(net, target)
    expired = False
    metrics: list[Metric] = []

    async def work(session: Session) -> Role:
        return await ask(session, mariadb="MariaDB" in client.name)

    try:
        role = await client.run(work)
        state, text, metrics = _judged(
            role, writable, replica, (lag_warning, lag_critical), donor, cluster_size, (free_warning, free_critical)
        )
        text = f"{client.name} {text}"
        state = max(state, net.time(warning, critical).state)
    except NetError as error:
        state, text, expired = error.state, client.fault(error), error.expired
    except RefusalError as refusal:
        state, text = CRITICAL, client.explain(refusal)
    time = net.time(warning, critical)
    notes = [*target.notes, *client.notes]
    return Result(
        state, f"{one_line(text)} ({time.value * 1000:.3g} ms)", [time, *metrics], notes=notes, expired=expired
    )


def _judged(
    role: Role,
    writable: bool,
    replica: bool,
    lag: tuple[Range | None, Range | None],
    donor: State,
    size: Range | None,
    free: tuple[Range | None, Range | None],
) -> tuple[State, str, list[Metric]]:
    """Return state, text and metrics for what a server said of itself."""
    states: list[State] = [OK]
    texts = ["is read only" if role.read_only else "is writable"]
    metrics: list[Metric] = []

    def add(state: State, text: str) -> None:
        states.append(state)
        texts.append(text)

    if writable and role.read_only:
        states.append(CRITICAL)
    if role.channels is None:
        add(
            UNKNOWN if replica or any(lag) else OK,
            "may not show its replication: GRANT REPLICATION CLIENT (MariaDB: SLAVE MONITOR) to the account",
        )
    elif not role.channels and (replica or any(lag)):
        add(CRITICAL, "replicates from nobody")
    for channel in role.channels or ():
        if channel.fault:
            add(WARNING if writable and not replica else CRITICAL, channel.fault)
    lags = [channel.lag for channel in role.channels or () if channel.lag is not None]
    if lags:
        metrics.append(Metric("lag", max(lags), "s", warn=lag[0], crit=lag[1], minimum=0))
        add(judge(max(lags), *lag), f"replicates, {max(lags)} s behind")
    elif role.channels and any(lag) and max(states) < CRITICAL:
        add(CRITICAL, "does not know how far it is behind")
    if role.galera is not None:
        metrics.append(Metric("cluster_size", role.galera.size, crit=size, minimum=0))
        add(*_galera(role.galera, donor, size))
    elif size is not None:
        add(CRITICAL, "is in no Galera cluster")
    if role.maintenance:
        add(CRITICAL, f"is in maintenance (pxc_maint_mode = {role.maintenance})")
    if role.connections is not None and role.most is not None:
        left = max(0, role.most - role.connections)
        metrics.append(Metric("free_connections", left, warn=free[0], crit=free[1], minimum=0, maximum=role.most))
        if judge(left, *free) != OK:
            add(judge(left, *free), f"has {left} of {role.most} connections left")
    # what was found by the worst state, UNKNOWN only where nothing is known to be wrong
    state = CRITICAL if CRITICAL in states else max(states)
    return state, ", ".join(texts), metrics


def _galera(galera: Galera, donor: State, size: Range | None) -> tuple[State, str]:
    members = f"{galera.size} member{'s' if galera.size != 1 else ''}"
    if not galera.primary:
        return CRITICAL, f"is in a Galera component that is not primary ({members})"
    if size is not None and size.alerts(galera.size):
        return CRITICAL, f"is in a Galera cluster of {members}, outside of {size}"
    if not galera.ready:
        return CRITICAL, f"is not ready in its Galera cluster ({galera.state})"
    if galera.synced and not galera.desync:
        return OK, f"is synced in a Galera cluster of {members}"
    return donor if galera.desync else CRITICAL, f"is {galera.state} in a Galera cluster of {members}"
