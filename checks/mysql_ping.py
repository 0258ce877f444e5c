"""Is a MySQL or MariaDB server alive?

Nagios mysql_login!DEFAULTS_FILE: -f DEFAULTS_FILE
Nagios mysql_alive!PORT: -p PORT -n
NRPE mysql: -f /etc/vipwarden/mysql.cnf -w 0.5 -c 2
"""

from __future__ import annotations

from vipwarden.core.result import CRITICAL, UNKNOWN, Metric, Range, Result, one_line
from vipwarden.core.values import Host, Port, Seconds
from vipwarden.net.stream import NetError
from vipwarden.protocol.mysql.client import LOGIN_REFUSED, Client
from vipwarden.protocol.mysql.codec import RefusalError
from vipwarden.protocol.mysql.options import Password, Tls, target_of
from vipwarden.protocol.mysql.session import Session

TYPE_CHECKING = False
if TYPE_CHECKING:
    from vipwarden.net.net import Net

LATER = ("vipwarden.net.file", "vipwarden.net.secret", "vipwarden.protocol.mysql.option_file")
_NEEDS_ACCOUNT = (1045, 1130, 1698)


async def mysql_ping(
    net: Net,
    *,
    host: Host | None = None,
    port: Port | None = None,
    socket: str | None = None,
    user: str | None = None,
    password: Password | None = None,  # noqa: ARG001 - its type refuses every text
    database: str | None = None,
    defaults_file: str | None = None,
    group: str = "client",
    ignore_auth: bool = False,
    tls: bool = False,
    ca_file: str | None = None,
    insecure: bool = False,
    warning: Range | None = None,
    critical: Range | None = None,
    timeout: Seconds = Seconds(10),
) -> Result:
    """Is a MySQL or MariaDB server alive?

    Logs in, sends COM_PING and quits with COM_QUIT. After any fault it still closes its connection in a way that the
    server does not count as a connect error, so the server never blocks this host (max_connect_errors). The only
    exception is a TLS handshake that breaks off. The password comes from a defaults file or from MYSQL_PWD.

    host: name, IPv4 or IPv6 address; default host or socket of the defaults file, else 127.0.0.1
    port: TCP port; default that of the defaults file, else 3306
    socket: absolute path of the unix socket, instead of a host
    user: account to log in with; without an account the server refuses the login, see --ignore-auth
    password: always refused, because every user of the node can read it: use a defaults file or MYSQL_PWD
    database: database that must exist and that the account must be able to use
    defaults_file: MySQL option file with user, password, host, port, socket, database, ssl-ca and so on; mode 0600
    group: group of the defaults file to read in addition to [client]
    ignore_auth: accept a refused login as proof that the server is alive
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
        target = await target_of(net, host, port, socket, user, database, defaults_file, group, settings)
    except NetError as error:
        return error.result("cannot read the defaults file")
    except ValueError as error:
        return Result(UNKNOWN, one_line(str(error)))
    ping = Client(net, target)
    state, expired = CRITICAL, False
    try:
        await ping.run(Session.ping)
        state, text = net.time(warning, critical).state, f"{ping.name} answered the ping"
    except NetError as error:
        state, text, expired = error.state, ping.fault(error), error.expired
    except RefusalError as refusal:
        text = ping.explain(refusal)
        if refusal.code in LOGIN_REFUSED and ignore_auth:
            target.notes.append(text)
            state, text = net.time(warning, critical).state, f"{ping.name} is alive: it refused the login"
        elif refusal.code in _NEEDS_ACCOUNT and not ping.unspoken:
            text += ", or give -n if a refused login is enough"
    time = net.time(warning, critical)
    metrics = [time]
    if ping.connected:
        metrics.append(Metric("connect", ping.connected - net.begun, "s", minimum=0))
    notes = [*target.notes, *ping.notes]
    return Result(state, f"{one_line(text)} ({time.value * 1000:.3g} ms)", metrics, notes=notes, expired=expired)
