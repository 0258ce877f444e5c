"""Is a PostgreSQL server a primary or a standby, and how far is it behind?

Nagios postgres_primary!USER!PASSFILE: -u USER -f PASSFILE --primary
Nagios postgres_standby!USER!PASSFILE!SECONDS: -u USER -f PASSFILE --standby --lag-critical SECONDS
NRPE postgres: -u monitor -f /etc/vipwarden/pgpass
"""

from __future__ import annotations

import posix

from vipwarden.core.result import CRITICAL, OK, UNKNOWN, WARNING, Metric, Range, Result, judge, one_line
from vipwarden.core.values import Host, Port, Seconds
from vipwarden.net.stream import NetError
from vipwarden.protocol.postgres.codec import RefusalError
from vipwarden.protocol.postgres.session import Session

TYPE_CHECKING = False
if TYPE_CHECKING:
    import ssl

    from vipwarden.core.result import State
    from vipwarden.net.net import Net

LATER = (
    "vipwarden.net.file",
    "vipwarden.net.secret",
    "vipwarden.protocol.postgres.passfile",
    "vipwarden.protocol.postgres.scram",
)
LOCAL, POSTGRESQL = Host("127.0.0.1"), Port(5432)
OWN_LETTERS = {"f": "passfile"}
_LOGIN_REFUSED = "28"  # the class of these SQLSTATEs
# A standby that has replayed all that it received is not behind, however old that is; but without a WAL receiver it
# does not know what the primary has written since
_QUESTION = """SELECT pg_is_in_recovery(), current_setting('transaction_read_only'),
(SELECT count(*) FROM pg_stat_wal_receiver), pg_wal_lsn_diff(pg_last_wal_receive_lsn(), pg_last_wal_replay_lsn()),
extract(epoch FROM clock_timestamp() - pg_last_xact_replay_timestamp()),
CASE WHEN pg_is_in_recovery() THEN pg_is_wal_replay_paused() END"""


async def postgres_role(
    net: Net,
    *,
    host: Host = LOCAL,
    port: Port = POSTGRESQL,
    user: str | None = None,
    passfile: str | None = None,
    database: str = "postgres",
    primary: bool = False,
    standby: bool = False,
    lag_warning: Range | None = None,
    lag_critical: Range | None = None,
    tls: bool = False,
    ca_file: str | None = None,
    insecure: bool = False,
    warning: Range | None = None,
    critical: Range | None = None,
    timeout: Seconds = Seconds(10),
) -> Result:
    """Is a PostgreSQL server a primary or a standby, and how far is it behind?

    Logs in (SCRAM-SHA-256, MD5, peer or trust), asks one question and ends by Terminate, so the server logs nothing. A
    standby that does not stream from a primary is WARNING. The password comes from a passfile or from PGPASSWORD. Any
    account that can log in will do. PostgreSQL 10 or later.

    host: name, IPv4 or IPv6 address; or absolute path of a unix socket, or of the folder that it is in
    port: TCP port, also in the name of the unix socket
    user: account to log in with; default the user who runs the check, as the method peer wants it
    passfile: file with lines HOST:PORT:DATABASE:USER:PASSWORD, as libpq's .pgpass; mode 0600
    database: database to log in to
    primary: the server must be a primary that takes writes
    standby: the server must be a standby
    lag_warning: range for the seconds by which a standby is behind its primary
    lag_critical: range for the seconds by which a standby is behind its primary
    tls: use TLS; verify certificate and host name, as sslmode=verify-full
    ca_file: PEM file with the CA certificates to trust instead of the system's; implies TLS
    insecure: use TLS without verification, as sslmode=require: a man in the middle can read the data; implies TLS
    warning: range for the duration in seconds
    critical: range for the duration in seconds
    timeout: deadline for the whole run in seconds
    """
    net.begin(timeout)
    path = host.startswith("/")
    wrong = ""
    if primary and standby:
        wrong = "a server is a primary or a standby: give one of them"
    if primary and (lag_warning or lag_critical):
        wrong = "only a standby has a lag"
    if path and (tls or ca_file or insecure):
        wrong = "TLS is for TCP: the unix socket does not leave the node"
    if wrong:
        return Result(UNKNOWN, f"{host}: {wrong}")
    where = f"{host}/.s.PGSQL.{port}" if path and "/.s.PGSQL." not in host else host
    context: ssl.SSLContext | None = None
    notes: list[str] = []
    try:
        account = user or _self()
        password, notes = await _password(net, passfile, host, port, database, account)
        if tls or ca_file or insecure:
            from vipwarden.net.trust import context as settings

            context = await settings(net, ca_file, insecure)
        asked = await _ask(net, where, port, account, password, database, context, notes)
    except NetError as error:
        return error.result("no PostgreSQL", [net.time(warning, critical)])
    except RefusalError as refusal:
        shown = where if path else f"{host}:{port}"
        what = "refused the login" if refusal.code.startswith(_LOGIN_REFUSED) else f"answered error {refusal.code}"
        text = f"PostgreSQL on {shown} {what}: {refusal.text}"
        return Result(CRITICAL, text, [net.time(warning, critical)], notes=notes)
    except ValueError as error:
        return Result(UNKNOWN, one_line(str(error)))
    name, columns = asked
    time = net.time(warning, critical)
    state, text, metrics = _judged(columns, primary, standby, lag_warning, lag_critical)
    state = max(state, time.state)
    return Result(state, f"{name} {text} ({time.value * 1000:.3g} ms)", [time, *metrics], notes=notes)


async def _ask(
    net: Net,
    host: str,
    port: int,
    user: str,
    password: str | None,
    database: str,
    context: ssl.SSLContext | None,
    notes: list[str],
) -> tuple[str, list[str | None]]:
    """Return the name of the server and its answer to the question; raises NetError and RefusalError."""
    with await net.connect(await net.resolve(host), port, first=True) as stream:
        session = Session(stream, host.startswith("/"))
        try:
            if context is not None:
                notes.append(f"encrypted with {await session.encrypt(context, host)}")
            await session.login(user, database, password)
            columns = await session.query(_QUESTION)
        finally:
            session.part()
    if len(columns) != 6:
        raise NetError("reset", f"{stream.name} answered with {len(columns)} columns, not 6")
    version = session.parameters.get("server_version", "").partition(" ")[0]
    return f"PostgreSQL {version} on {stream.name}", columns


def _judged(
    columns: list[str | None], primary: bool, standby: bool, warning: Range | None, critical: Range | None
) -> tuple[State, str, list[Metric]]:
    """Return state, text and metrics for what the server said."""
    recovering, read_only, receivers, behind, age, paused = columns
    if recovering != "t":
        if standby:
            return CRITICAL, "is a primary, not a standby", []
        if read_only == "on":
            return CRITICAL if primary else WARNING, "is a primary that is set to read only", []
        return OK, "is a primary", []
    streams = receivers not in (None, "0")
    queue = max(0.0, _number(behind) or 0.0)
    lag = 0.0 if streams and behind is not None and not queue else _number(age)
    metrics = [Metric("replay_queue", queue, "B", minimum=0)]
    if lag is not None:
        metrics.append(Metric("lag", max(0.0, lag), "s", warn=warning, crit=critical, minimum=0))
        state, text = judge(max(0.0, lag), warning, critical), f"is a standby, {max(0.0, lag):.3g} s behind"
    else:
        state, text = CRITICAL if critical else WARNING if warning else OK, "is a standby that has replayed nothing yet"
    if paused == "t":
        state, text = max(state, WARNING), f"{text}, its replay is paused"
    if not streams:
        state, text = max(state, WARNING), f"{text}, and does not stream from a primary"
    return (CRITICAL, "is a standby, not a primary", metrics) if primary else (state, text, metrics)


async def _password(
    net: Net, passfile: str | None, host: str, port: int, database: str, user: str
) -> tuple[str | None, list[str]]:
    """Return the password of an account and notes on its file; raises NetError and ValueError."""
    if passfile is not None:
        from vipwarden.net.secret import read
        from vipwarden.protocol.postgres.passfile import password

        raw, exposed = await read(net, passfile)
        secret = password(raw.decode("utf-8", "surrogateescape"), host, port, database, user)
        if secret is None:
            raise ValueError(f"{passfile} has no line for {host}:{port}:{database}:{user}")
        return secret, [f"{passfile} holds a password and others can read it: chmod 600 it"] if exposed else []
    given = posix.environ.get(b"PGPASSWORD")
    return (given.decode("utf-8", "surrogateescape") if given is not None else None), []


def _self() -> str:
    """Return the name of the user who runs the check; raises ValueError."""
    from pwd import getpwuid

    try:
        return getpwuid(posix.geteuid()).pw_name
    except KeyError:
        raise ValueError(f"the user {posix.geteuid()} has no name: give a user") from None


def _number(text: str | None) -> float | None:
    try:
        value = float(text) if text else None
    except ValueError:
        return None
    return value if value is None or value - value == 0 else None
