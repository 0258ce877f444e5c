"""Is a MySQL or MariaDB server alive?

Nagios mysql_login!DEFAULTS_FILE: -f DEFAULTS_FILE
Nagios mysql_alive!PORT: -p PORT -n
NRPE mysql: -f /etc/vipwarden/mysql.cnf -w 0.5 -c 2
"""

from __future__ import annotations

from time import monotonic

from vipwarden.core.options import UsageError
from vipwarden.core.result import CRITICAL, UNKNOWN, Metric, Range, Result, judge, one_line
from vipwarden.core.values import Host, Port, Seconds
from vipwarden.net.stream import NetError
from vipwarden.protocol.mysql.codec import RefusalError
from vipwarden.protocol.mysql.options import Target, Tls
from vipwarden.protocol.mysql.session import Session

TYPE_CHECKING = False
if TYPE_CHECKING:
    import ssl

    from vipwarden.net.net import Net
    from vipwarden.protocol.mysql.codec import Greeting

# Errors that refuse an account and so prove that the server is alive: access denied (1044, 1045, 1698), host without an
# account (1130), method not loaded or too old (1251, 1524), password expired (1820, 1862), account locked (3118, 3955
# of MySQL, 4151 of MariaDB), TLS wanted (3159)
_LOGIN_REFUSED = (1044, 1045, 1130, 1251, 1524, 1698, 1820, 1862, 3118, 3159, 3955, 4151)
_ADVICE = {
    1040: "has no connection left: see what holds them, or raise max_connections",
    1045: "refused the login of {user}: check password and grants, or give -n if a refused login is enough",
    1044: "does not let {user} use the database {database}",
    1049: "has no database {database}",
    1129: "blocks this host for its connect errors: run 'mariadb-admin flush-hosts' (mysqladmin) on it, and find out "
    "what connects from here without logging in",
    1130: "has no account for this host: create one, or give -n if a refused login is enough",
    3159: "takes logins by TLS only: give -S",
}
_ADVICE[1698] = _ADVICE[1045]


class Password(str):
    """A password as an option, which is always refused."""

    __slots__ = ()

    def __new__(cls, _text: str = "") -> Password:
        """Raise UsageError with the reason."""
        raise UsageError(
            "--password: a password on the command line can be read by every user of this node: "
            "put it into a defaults file (-f) or MYSQL_PWD"
        )


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
    begun = monotonic()
    try:
        settings = Tls(tls, ca_file, insecure)
        given: tuple[dict[str, str], bool] = ({}, False)
        if defaults_file is not None:
            from vipwarden.protocol.mysql.option_file import read

            given = await read(net, defaults_file, group)
        target = Target(host, port, socket, user, database, defaults_file, given, settings)
    except NetError as error:
        return error.result("cannot read the defaults file")
    except ValueError as error:
        return Result(UNKNOWN, one_line(str(error)))
    ping = _Ping(net, target)
    state, expired = CRITICAL, False
    try:
        await ping.run()
        state, text = judge(monotonic() - begun, warning, critical), f"{ping.name} answered the ping"
    except NetError as error:
        state, text, expired = error.state, error.text, error.expired
        if ping.greeting is None:
            text = f"no MySQL greeting: {text}" if ping.connected else f"no MySQL server: {text}"
    except RefusalError as refusal:
        text = ping.explain(refusal)
        if ignore_auth and refusal.code in _LOGIN_REFUSED:
            state, text = judge(monotonic() - begun, warning, critical), f"{ping.name} is alive: it refused the login"
            target.notes.append(ping.explain(refusal))
    time = monotonic() - begun
    metrics = [Metric("time", time, "s", warn=warning, crit=critical, minimum=0, maximum=timeout)]
    if ping.connected:
        metrics.append(Metric("connect", ping.connected - begun, "s", minimum=0))
    notes = [*target.notes, *ping.notes]
    return Result(state, f"{one_line(text)} ({time * 1000:.3g} ms)", metrics, notes=notes, expired=expired)


class _Ping:
    """One run and its results so far."""

    __slots__ = ("connected", "greeting", "name", "net", "notes", "target", "unspoken")

    def __init__(self, net: Net, target: Target) -> None:
        self.net = net
        self.target = target
        self.name = target.socket or target.host
        self.connected = 0.0
        self.greeting: Greeting | None = None
        self.unspoken = ""
        self.notes: list[str] = []

    async def run(self) -> None:
        """Connect, log in, ping and leave; raises NetError and RefusalError."""
        target = self.target
        contexts = await target.tls.contexts(self.net) if target.tls else None
        addresses = await self.net.resolve(target.socket or target.host)
        with await self.net.connect(addresses, target.port) as stream:
            self.connected = monotonic()
            self.name = stream.name
            session = Session(stream, bool(target.socket), target.database or None)
            try:
                self.greeting = greeting = await session.greet()
                self.name = f"{greeting.product} on {stream.name}"
                if contexts is not None:
                    await self._encrypt(session, greeting, contexts)
                await session.login(greeting, target.user, target.password)
                await session.ping()
                await session.quit()
            except BaseException:  # the deadline, a signal, an agent that stops
                session.part()
                self.unspoken = session.unspoken
                raise

    async def _encrypt(
        self, session: Session, greeting: Greeting, contexts: tuple[ssl.SSLContext, ssl.SSLContext | None]
    ) -> None:
        """Start TLS and verify the certificate; after a failure leave without a connect error."""
        if not greeting.offers_tls:
            await session.leave(greeting)
            raise NetError("tls", f"{self.name} offers no TLS")
        handshake, verifier = contexts
        try:
            encrypted = await session.encrypt(handshake, self.target.host)
        except NetError:
            self.notes.append("the server counts a broken TLS handshake as a connect error, see max_connect_errors")
            raise
        self.notes.append(f"encrypted with {encrypted.version}")
        if verifier is None:
            return
        from vipwarden.protocol.tls.certificate import verify

        name = self.target.host if self.target.tls and self.target.tls.check_name else None
        try:
            verify(encrypted.chain(), verifier, name, self.name)
        except NetError:
            await session.leave(greeting)
            raise

    def explain(self, refusal: RefusalError) -> str:
        """Return the meaning of an error of the server."""
        if self.unspoken and self.target.user:  # without a user the server asks for any plugin
            return f"{self.name} {self.unspoken}"
        advice = _ADVICE.get(refusal.code)
        if advice is None:
            return f"{self.name} answered error {refusal.code}: {refusal.text}"
        user, database = _shown(self.target.user), _shown(self.target.database)
        return f"{self.name} {advice.format(user=user or 'nobody (give -u)', database=database)}"


def _shown(name: bytes) -> str:
    return one_line(repr(name.decode("utf-8", "replace")), 80) if name else ""
