"""Does a TLS server have a valid certificate, and for how long?

Nagios tls_days!PORT!NAME!WARNING!CRITICAL: -p PORT --sni NAME -w WARNING -c CRITICAL
NRPE certificate: -H 127.0.0.1 -p 443 --sni www.example.org -w 21: -c 7:
"""

from __future__ import annotations

from time import time

from vipwarden.core.result import CRITICAL, UNKNOWN, Metric, Range, Result, one_line
from vipwarden.core.values import Host, Port, Seconds, Source, Via
from vipwarden.net.stream import NetError
from vipwarden.net.target import Target
from vipwarden.net.trust import context
from vipwarden.protocol.starttls import Protocol, Upgrade
from vipwarden.protocol.tls.certificate import unverified_context, verify
from vipwarden.protocol.tls.validity import DAY, TLS_1_2, MinVersion, certificates

TYPE_CHECKING = False
if TYPE_CHECKING:
    from vipwarden.net.net import Net
    from vipwarden.net.tls import TlsStream
    from vipwarden.protocol.tls.validity import Certificate

LATER = ("vipwarden.net.file",)


async def tls(
    net: Net,
    *,
    host: Host,
    port: Port | None = None,
    starttls: Protocol | None = None,
    sni: Host | None = None,
    min_version: MinVersion = TLS_1_2,
    ca_file: str | None = None,
    insecure: bool = False,
    ipv4: bool = False,
    ipv6: bool = False,
    source: Source | None = None,
    via: Via | None = None,
    warning: Range | None = None,
    critical: Range | None = None,
    timeout: Seconds = Seconds(10),
) -> Result:
    """Does a TLS server have a valid certificate, and for how long?

    Agrees on keys, at once or after STARTTLS, verifies chain and name, and leaves as the protocol wants it: no server
    takes the check for a client that failed. The days left are those of the first certificate to expire, from the
    server's own to the trusted one.

    host: name, IPv4 or IPv6 address, or absolute path of a unix socket
    port: port; default 443, or that of the protocol
    starttls: protocol in which TLS is asked for: smtp, imap, pop3, ftp, ldap, mysql or postgres
    sni: TLS server name (SNI), also verified in the certificate; default the host
    min_version: oldest version of TLS that the server may choose: 1.2 or 1.3
    ca_file: PEM file with the CA certificates to trust instead of the system's
    insecure: accept any certificate, of which the server's own alone counts for the days left
    ipv4: try IPv4 addresses only
    ipv6: try IPv6 addresses only
    source: local address to connect from
    via: connect to a VIP, by the director's own path to this real server: dr:VIP or tun:VIP
    warning: range for the days left, such as 21: for at least 21
    critical: range for the days left
    timeout: deadline for the whole run in seconds
    """
    net.begin(timeout)
    target = Target(host, port, ipv4=ipv4, ipv6=ipv6, source=source, via=via)
    if target.local and (port or not (sni or insecure)):
        return Result(UNKNOWN, f"{host}: {'a unix socket has no ports' if port else 'no name to verify, give --sni'}")
    target.port = port or (starttls.port if starttls else Port(443))
    name = sni or host
    days: tuple[Range | None, Range | None] = (warning, critical)
    metrics: list[Metric] = []
    try:
        judges = None if insecure else await context(net, ca_file, judges=True)
        with await target.connect(net, first=starttls is None) as stream:
            upgrade = Upgrade(stream)
            try:
                server_name = None if target.local and not sni else name
                encrypted = await upgrade.encrypt(starttls, unverified_context(), server_name)
                own = certificates(encrypted.described(), stream.name)
                first = own[0]
                metrics = [_left(first, days)]
                if judges is not None:
                    path = verify(encrypted.chain(), judges, name, stream.name)
                    first = min(certificates(path, stream.name), key=lambda certificate: certificate.until)
                    metrics = [_left(first, days)]
            except NetError:
                await upgrade.leave()
                raise
            except BaseException:
                upgrade.part()
                raise
            metrics.append(net.time())
            await upgrade.leave()
    except NetError as error:
        return error.result(host, [*metrics, net.time()])
    return _judged(encrypted, own[0], first, metrics, min_version, insecure=insecure)


def _judged(
    stream: TlsStream,
    own: Certificate,
    first: Certificate,
    metrics: list[Metric],
    min_version: MinVersion,
    *,
    insecure: bool,
) -> Result:
    left = metrics[0]
    state = left.state
    which = "" if first.until == own.until else f" of its issuer {first.name!r}"
    text = f"{stream.name}: {stream.version}, {'unverified' if insecure else 'valid'} certificate {own.name!r}, "
    text += f"{left.value // DAY:.0f} days left{which} (until {first.end})"
    if not min_version.allows(stream.version):
        state, text = CRITICAL, f"{stream.name}: {stream.version}, wanted at least TLSv{min_version}"
    notes = [f"names {', '.join(one_line(name, 60) for name in own.names[:10]) or 'none'}", f"issuer {own.issuer}"]
    return Result(state, text, metrics, notes=notes)


def _left(certificate: Certificate, days: tuple[Range | None, Range | None]) -> Metric:
    warning, critical = (None if limit is None else limit.times(DAY) for limit in days)
    return Metric("left", certificate.until - time(), "s", warn=warning, crit=critical)
