"""Is a web page there, and is it the right one?

Nagios http_right!PORT!PATH!DIGEST: -p PORT -u PATH --digest DIGEST
"""

from __future__ import annotations

from vipwarden.core.result import CRITICAL, UNKNOWN, Metric, Range, Result
from vipwarden.core.values import Count, Host, Port, Seconds, Source, Via
from vipwarden.net.stream import NetError
from vipwarden.protocol.http.options import (
    HTTP_1_0,
    MD5,
    ROOT,
    SUCCESS,
    Algorithm,
    Digest,
    HttpVersion,
    Path,
    Regex,
    Statuses,
    VirtualHost,
)
from vipwarden.protocol.http.response import MOST_BYTES
from vipwarden.protocol.http.server import Server
from vipwarden.protocol.http.session import fetch

TYPE_CHECKING = False
if TYPE_CHECKING:
    from vipwarden.net.net import Net

_MOST_SEARCHED = 1048576


async def http_digest(
    net: Net,
    *,
    host: Host,
    port: Port | None = None,
    path: Path = ROOT,
    virtualhost: VirtualHost | None = None,
    digest: tuple[Digest, ...] = (),
    status: Statuses = SUCCESS,
    regex: Regex | None = None,
    http_version: HttpVersion = HTTP_1_0,
    decoded: bool = False,
    algorithm: Algorithm = MD5,
    max_bytes: Count = MOST_BYTES,
    tls: bool = False,
    sni: VirtualHost | None = None,
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
    """Is a web page there, and is it the right one?

    Request, digest and order of the tests are those of keepalived's HTTP_GET and SSL_GET: response, status, digest,
    regular expression. Redirects are not followed. The digest covers the bytes on the wire, chunk sizes included, up
    to the Content-Length as keepalived reads it; notes say where that makes it fragile. Two things are stricter than
    in keepalived: a truncated body (by its Content-Length or its chunks) fails, and so does an invalid certificate.

    host: name, IPv4 or IPv6 address, or absolute path of a unix socket
    port: port; default 80, with TLS 443
    path: path to request
    virtualhost: Host header; default address:port, as in keepalived
    digest: expected digest of the page; repeat the option to accept several
    status: accepted status codes, such as 200-299,301
    regex: Python regular expression that must match in the first 1 MiB of the page
    http_version: 1.0, 1.0C (1.0 with Connection: close) or 1.1 (with Connection: close)
    decoded: digest and search the content without chunks and compression; keepalived cannot do this
    algorithm: md5 or sha256; keepalived has only md5
    max_bytes: maximum size of the body in bytes, compressed or not
    tls: use TLS, as SSL_GET does
    sni: TLS server name (SNI), also verified in the certificate; default the virtualhost, else the host
    ca_file: PEM file with the CA certificates to trust instead of the system's
    insecure: accept any certificate, as keepalived does
    ipv4: try IPv4 addresses only
    ipv6: try IPv6 addresses only
    source: local address to connect from
    via: connect to a VIP, by the director's own path to this real server: dr:VIP or tun:VIP
    warning: range for the duration in seconds
    critical: range for the duration in seconds
    timeout: deadline for the whole run in seconds
    """
    net.begin(timeout)
    server = Server(
        host,
        port,
        virtualhost,
        tls=tls,
        sni=sni,
        ca_file=ca_file,
        insecure=insecure,
        ipv4=ipv4,
        ipv6=ipv6,
        source=source,
        via=via,
    )
    url = server.url(path)
    wrong = server.contradiction()
    if any((len(right) == 32) is not (algorithm == "md5") for right in digest):
        wrong = f"{algorithm} digests have {32 if algorithm == 'md5' else 64} digits"
    if wrong:
        return Result(UNKNOWN, f"{url}: {wrong}")
    try:
        page = await fetch(
            net,
            server,
            path,
            status=status,
            algorithm=algorithm,
            max_bytes=max_bytes,
            keep=_MOST_SEARCHED if regex else 0,
            http_version=http_version,
            decoded=decoded,
        )
    except NetError as error:
        return error.result(url, [net.time(warning, critical)])
    taken = net.time(warning, critical)
    metrics = [taken, Metric("size", page.size, "B", minimum=0, maximum=max_bytes)]
    notes = [f"the {algorithm} digest of {page.size} bytes is {page.digest}"]
    notes += [f"fragile: {reason}" for reason in page.fragile]
    state = taken.state
    text = f"status {page.header.status}, {page.size} B"
    if digest:
        text += f", right {'but fragile ' if page.fragile else ''}digest"
    if digest and page.digest not in digest:
        state, text = CRITICAL, f"wrong digest {page.digest}, wanted {' or '.join(digest)}"
    elif regex:
        if regex.compile().search(page.content):
            text += ", regex matched"
        else:
            state, text = CRITICAL, f"status {page.header.status}, but regex missed in {len(page.content)} bytes"
    return Result(state, f"{url}: {text} ({taken.value * 1000:.3g} ms)", metrics, notes=notes)
