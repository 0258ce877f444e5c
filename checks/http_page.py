"""Does a web server answer a request as its clients need it?

Nagios http_status!PORT!PATH!STATUSES: -p PORT -u PATH -e STATUSES
NRPE page: -H 127.0.0.1 -u /health -w 0.5 -c 2
"""

from __future__ import annotations

from vipwarden.core.result import CRITICAL, UNKNOWN, WARNING, Metric, Range, Result
from vipwarden.core.values import Count, Host, Port, Seconds, Source, Via
from vipwarden.net.secret import SecretError
from vipwarden.net.stream import NetError
from vipwarden.protocol.http.json_value import JsonValue  # noqa: TC001 - the option is built by it
from vipwarden.protocol.http.options import ROOT, SUCCESS, Path, Regex, Statuses, VirtualHost
from vipwarden.protocol.http.page import Question
from vipwarden.protocol.http.redirect import OFF, Redirects
from vipwarden.protocol.http.request import Field, Method, Request
from vipwarden.protocol.http.response import MOST_BYTES, judge_status
from vipwarden.protocol.http.server import Server
from vipwarden.protocol.http.wanted import Wanted, WantedField

TYPE_CHECKING = False
if TYPE_CHECKING:
    from vipwarden.net.net import Net
    from vipwarden.protocol.http.codec import Header

OWN_LETTERS = {"d": "expect_header", "f": "redirects", "j": "method", "k": "header", "s": "text"}  # as in check_http


async def http_page(
    net: Net,
    *,
    host: Host,
    port: Port | None = None,
    path: Path = ROOT,
    virtualhost: VirtualHost | None = None,
    method: Method | None = None,
    header: tuple[Field, ...] = (),
    header_file: str | None = None,
    basic_file: str | None = None,
    bearer_file: str | None = None,
    body: str | None = None,
    body_file: str | None = None,
    status: Statuses = SUCCESS,
    drain: Statuses | None = None,
    expect_header: tuple[WantedField, ...] = (),
    text: str | None = None,
    regex: Regex | None = None,
    absent: Regex | None = None,
    json_value: tuple[JsonValue, ...] = (),
    redirects: Redirects = OFF,
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
    """Does a web server answer a request as its clients need it?

    One request by HTTP/1.1, after which the server closes the connection. The whole response must come: one that is cut
    off, or that has no right framing, is CRITICAL. Its content is tested without chunks and compression. Credentials
    come from files; a redirect to another host, port or protocol gets none.

    host: name, IPv4 or IPv6 address, or absolute path of a unix socket
    port: port; default 80, with TLS 443
    path: path to request
    virtualhost: Host header; default the host and the port
    method: method of the request; default GET, with a body POST
    header: field to send, NAME: VALUE; no credentials
    header_file: file with fields to send, one a line, such as an API key
    basic_file: file with USER:PASSWORD for basic authentication
    bearer_file: file with a bearer token
    body: body to send
    body_file: file with the body to send, at most 64 KiB
    status: accepted status codes, such as 200-299,301
    drain: status codes that mean WARNING, such as 404: the server finishes its sessions and gets no new ones
    expect_header: field that the response must have, NAME or NAME: REGEX
    text: text that must be in the first 1 MiB of the page
    regex: Python regular expression that must match in the first 1 MiB of the page
    absent: Python regular expression that must not match there
    json_value: path, or PATH=VALUE, that the page must have as JSON of at most 1 MiB, such as checks[0].state=ok
    redirects: redirects to follow: off, same-host (by the name of this server, at this server) or follow (all)
    max_bytes: maximum size of the body in bytes, compressed or not
    tls: use TLS
    sni: TLS server name (SNI), also verified in the certificate; default the virtualhost, else the host
    ca_file: PEM file with the CA certificates to trust instead of the system's
    insecure: accept any certificate
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
    wrong = server.contradiction(tls_later=redirects != OFF)
    if basic_file and bearer_file:
        wrong = "basic_file and bearer_file are two ways of authorization: give one of them"
    if body is not None and body_file:
        wrong = "body and body_file at once: give one of them"
    if wrong:
        return Result(UNKNOWN, f"{url}: {wrong}")

    def accept(answer: Header) -> None:
        if drain is None or not drain.hold(answer.status):
            judge_status(answer, status)

    asks = Request(method, header, body.encode("utf-8", "surrogateescape") if body is not None else None)
    files = {"header_file": header_file, "basic_file": basic_file, "bearer_file": bearer_file, "body_file": body_file}
    try:
        await asks.read(net, files)
        page, way = await Question(asks, redirects, max_bytes, accept).ask(net, server, path)
    except SecretError as error:
        return Result(UNKNOWN, f"{url}: {error}")
    except NetError as error:
        error.text = asks.masked(error.text)
        return error.result(url, [net.time(warning, critical)])
    wanted = Wanted(expect_header, text, regex, absent, json_value)
    drains = drain is not None and drain.hold(page.header.status)
    faults = [] if drains else wanted.faults(page)
    taken = net.time(warning, critical)
    metrics = [taken, Metric("size", len(page.content), "B", minimum=0, maximum=max_bytes)]
    said = f"status {page.header.status}, {len(page.content)} B"
    state = taken.state
    if faults:
        state, said = CRITICAL, f"status {page.header.status}, but {'; '.join(faults)}"
    elif drains:
        state, said = max(state, WARNING), f"status {page.header.status} asks to drain the server"
    elif wanted:
        said += ", as wanted"
    notes = [*asks.notes, *(f"redirected to {there}" for there in way[1:])]
    line = asks.masked(f"{url}{f' to {way[-1]}' if len(way) > 1 else ''}: {said}")
    return Result(state, f"{line} ({taken.value * 1000:.3g} ms)", metrics, notes=[asks.masked(note) for note in notes])
