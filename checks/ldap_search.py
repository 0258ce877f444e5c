"""Does an LDAP server let a user log in and find an entry?

Nagios ldap_entry!BASE: -b BASE
NRPE ldap: -H 127.0.0.1
"""

from __future__ import annotations

from vipwarden.core.result import CRITICAL, UNKNOWN, Range, Result, one_line
from vipwarden.core.values import Host, Port, Seconds, Source
from vipwarden.net.secret import SecretError, read_line
from vipwarden.net.stream import NetError
from vipwarden.net.target import Target
from vipwarden.protocol.ldap.session import RefusalError, Session

TYPE_CHECKING = False
if TYPE_CHECKING:
    from vipwarden.net.net import Net
    from vipwarden.net.stream import Stream
    from vipwarden.protocol.ldap.codec import Entry

LOCAL = Host("127.0.0.1")
LDAP, LDAPS = Port(389), Port(636)
OWN_LETTERS = {"b": "base", "D": "user", "f": "password_file", "T": "starttls"}
_NAME = frozenset("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-.;")


class Attribute(str):
    """An attribute that an entry must have: NAME, or NAME=VALUE."""

    __slots__ = ()

    def __new__(cls, text: str) -> Attribute:
        """Build it from its text; raises ValueError with what is wanted."""
        name = text.partition("=")[0]
        if not name or set(name) - _NAME:
            raise ValueError("an attribute is written NAME or NAME=VALUE")
        return str.__new__(cls, text)

    @property
    def name(self) -> str:
        """The name."""
        return self.partition("=")[0]

    def fault(self, entry: Entry) -> str:
        """Return how an entry differs from what is wanted, or ""."""
        _, equals, wanted = self.partition("=")
        values = entry.attributes.get(self.name.lower(), [])
        if not values:
            return f"has no {self.name}"
        if not equals or wanted.encode("utf-8", "surrogateescape") in values:
            return ""
        came = ", ".join(value.decode("utf-8", "replace") for value in values[:10])
        return f"has the {self.name} {one_line(came, 80)!r}, without {one_line(wanted, 60)!r}"


async def ldap_search(
    net: Net,
    *,
    host: Host = LOCAL,
    port: Port | None = None,
    base: str = "",
    expect: tuple[Attribute, ...] = (),
    user: str | None = None,
    password_file: str | None = None,
    tls: bool = False,
    starttls: bool = False,
    sni: Host | None = None,
    ca_file: str | None = None,
    insecure: bool = False,
    ipv4: bool = False,
    ipv6: bool = False,
    source: Source | None = None,
    warning: Range | None = None,
    critical: Range | None = None,
    timeout: Seconds = Seconds(10),
) -> Result:
    """Does an LDAP server let a user log in and find an entry?

    Binds, anonymously or with a password, reads one entry (base search) and unbinds. Without base that is the server's
    own entry, the root DSE. An entry that this user may not see is not there. Values are compared byte for byte.

    host: name, IPv4 or IPv6 address, or absolute path of a unix socket
    port: TCP port; default 389, with tls 636
    base: distinguished name of the entry, such as dc=example,dc=org; default the root DSE
    expect: attribute that the entry must have, NAME or NAME=VALUE, such as namingContexts=dc=example,dc=org
    user: distinguished name to bind as; default anonymous
    password_file: file whose one line is the password; mode 0600
    tls: use TLS from the start (ldaps); verify certificate and host name
    starttls: ask for TLS within the connection; verify certificate and host name
    sni: TLS server name (SNI), also verified in the certificate; default the host
    ca_file: PEM file with the CA certificates to trust instead of the system's
    insecure: accept any certificate: a man in the middle can read the password
    ipv4: try IPv4 addresses only
    ipv6: try IPv6 addresses only
    source: local address to connect from
    warning: range for the duration in seconds
    critical: range for the duration in seconds
    timeout: deadline for the whole run in seconds
    """
    net.begin(timeout)
    target = Target(
        host, port, tls=tls, sni=sni, ca_file=ca_file, insecure=insecure, ipv4=ipv4, ipv6=ipv6, source=source
    )
    wrong = target.contradiction(tls_later=starttls)
    if tls and starttls:
        wrong = "tls and starttls are two ways to TLS: give one of them"
    if (user is None) is not (password_file is None):  # a bind with a name alone is anonymous (RFC 4513, section 5.1.2)
        wrong = "user and password_file belong together: a server takes a bind without a password for an anonymous one"
    if wrong:
        return Result(UNKNOWN, f"{host}: {wrong}")
    if not target.local:
        target.port = port or (LDAPS if tls else LDAP)
    notes: list[str] = []
    try:
        password, exposed = await read_line(net, password_file) if password_file else (b"", False)
        notes += [f"other users can read {password_file}: chmod 600 it"] if exposed else []
        with await target.connect(net, first=True) as plain:
            name, entry = await _found(target, net, plain, (user or "", password), base, expect, starttls)
    except SecretError as error:
        return Result(UNKNOWN, f"{host}: {error}")
    except NetError as error:
        return error.result("no LDAP", [net.time(warning, critical)])
    except RefusalError as refusal:
        return Result(CRITICAL, one_line(str(refusal)), [net.time(warning, critical)], notes=notes)
    time = net.time(warning, critical)
    shown = one_line(base, 100) or "the root DSE"
    faults = [attribute.fault(entry) for attribute in expect] if entry is not None else [f"has no entry {shown}"]
    faults = [fault for fault in faults if fault]
    who = f"bound as {one_line(user, 100)}" if user else "bound anonymously"
    said = f"{name} {'; '.join(faults)}" if entry is None else f"{shown} of {name} {'; '.join(faults) or 'is there'}"
    state = CRITICAL if faults else time.state
    return Result(state, one_line(f"{said}, {who} ({time.value * 1000:.3g} ms)"), [time], notes=notes)


async def _found(
    target: Target,
    net: Net,
    stream: Stream,
    login: tuple[str, bytes],
    base: str,
    expect: tuple[Attribute, ...],
    starttls: bool,
) -> tuple[str, Entry | None]:
    """Return the name of the server and the entry, and leave politely; raises NetError and RefusalError."""
    if starttls:
        from vipwarden.net.trust import context
        from vipwarden.protocol.starttls import Upgrade

        settings = await context(net, target.ca_file, target.insecure)
        stream = await Upgrade(stream).encrypt("ldap", settings, target.name)
    session = Session(stream)
    try:
        await session.bind(*login)
        seconds = max(1, int(net.remaining()))
        return stream.name, await session.search(base, [attribute.name for attribute in expect], seconds)
    finally:
        stream.part(session.farewell)
