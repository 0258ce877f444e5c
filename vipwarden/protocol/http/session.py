"""How is a page fetched and digested as by keepalived, over a Net?"""

from __future__ import annotations

from vipwarden.core.result import one_line
from vipwarden.core.values import Count
from vipwarden.net.stream import NetError
from vipwarden.protocol.http.codec import Answer, RawBody, request

TYPE_CHECKING = False
if TYPE_CHECKING:
    import ssl

    from vipwarden.net.net import Net
    from vipwarden.net.stream import Stream
    from vipwarden.protocol.http.body import DecodedBody
    from vipwarden.protocol.http.codec import Header
    from vipwarden.protocol.http.options import Algorithm, Statuses, VirtualHost

MOST_BYTES = Count(16777216)


class Page:
    """A complete response; ``content`` holds its first bytes, as many as were asked for, ``fragile`` as in RawBody."""

    __slots__ = ("content", "digest", "fragile", "header", "size")

    def __init__(self, header: Header, digest: str, size: int, content: bytes, fragile: list[str]) -> None:
        self.header = header
        self.digest = digest
        self.size = size
        self.content = content
        self.fragile = fragile


async def fetch(
    net: Net,
    host: str,
    port: int | None,
    path: str,
    *,
    status: Statuses,
    algorithm: Algorithm,
    max_bytes: int,
    keep: int = 0,
    virtualhost: VirtualHost | None = None,
    http_version: str = "1.0",
    decoded: bool = False,
    tls: bool = False,
    sni: str | None = None,
    ca_file: str | None = None,
    insecure: bool = False,
    family: int = 0,
    source: str | None = None,
) -> Page:
    """Fetch a page and digest it; raises NetError for anything but a complete response with an accepted status.

    ``keep`` is the number of bytes of the content to return. A short body is an error, while keepalived digests what
    arrived; a certificate must be valid unless ``insecure``, while keepalived verifies none.
    """
    local = host.startswith("/")
    settings = None
    if tls:
        from vipwarden.net.tls import context

        settings = await context(net, ca_file, insecure)
    targets = await net.resolve(host, family)
    port = 0 if local else port or (443 if tls else 80)
    with await net.connect(targets, port, source, first=True) as plain:
        stream = plain
        if settings is not None:
            server = sni or (virtualhost.name if virtualhost else "localhost" if local else host)
            stream = await _encrypt(plain, server, settings)
        authority = virtualhost or ("localhost" if local else _without_scope(plain.name))
        await stream.send(request(path, authority, http_version))
        return await _read(stream, status, algorithm, max_bytes, keep, decoded=decoded)


def _without_scope(name: str) -> str:
    """Turn [fe80::1%eth0]:80 into [fe80::1]:80, as the scope means nothing to the server."""
    address, scope, rest = name.partition("%")
    return address + rest[rest.index("]") :] if scope else name


async def _encrypt(stream: Stream, server: str, settings: ssl.SSLContext) -> Stream:
    from vipwarden.net.tls import start_tls

    try:
        return await start_tls(stream, settings, server)
    except ValueError:  # from the ssl module, before a byte is sent
        raise NetError("local", f"{server!r} is no TLS server name, see --sni") from None


async def _read(stream: Stream, status: Statuses, algorithm: Algorithm, most: int, keep: int, *, decoded: bool) -> Page:
    """Read to the end of the connection, as keepalived does, whatever the header says."""
    answer = Answer()
    digest = algorithm.start()
    body: RawBody | DecodedBody | None = None
    received = size = 0
    kept = b""
    while True:
        try:
            data = await stream.receive()
        except NetError as error:
            raise _interrupted(error, stream, answer, received) from None
        piece = answer.feed(data)
        if answer.header is None:
            if not data or answer.endless:
                raise NetError("reset", _no_header(answer))
            continue
        if body is None:
            _judge(answer.header, status)
            body = answer.header.content(most) if decoded else RawBody(answer.header)
        received += len(piece)
        if received > most:
            raise NetError("reset", f"a body of more than {most} bytes, the limit of --max-bytes")
        content = body.feed(piece)
        digest.update(content)
        size += len(content)
        if len(kept) < keep:
            kept += content[: keep - len(kept)]
        if flaw := body.flaw(ended=not data):
            raise NetError("reset", flaw if data else f"{flaw}, with digest {digest.hexdigest()}")
        if not data:
            return Page(answer.header, digest.hexdigest(), size, kept, body.fragile)


def _judge(header: Header, wanted: Statuses) -> None:
    if not header.status:
        line = one_line(header.status_line, 60)
        raise NetError("reset", f"bad status line {line!r}: keepalived wants three digits between two blanks")
    if not wanted.hold(header.status):
        location = one_line(header.field(b"location"), 60)
        raise NetError("reset", f"status {header.status}{location and ' to '}{location}, wanted {wanted}")


def _no_header(answer: Answer) -> str:
    if answer.endless:
        return "no end of the header in 64 KiB"
    if not answer.begun:
        return "the connection closed without an answer"
    begun = one_line(repr(bytes(answer.begun[:60]))[1:], 40)
    return f"no CR LF CR LF ends the header, which is no answer to keepalived: {begun}"


def _interrupted(error: NetError, stream: Stream, answer: Answer, received: int) -> NetError:
    """Return the error of a connection, with what had arrived of the response."""
    header = answer.header
    if header is None:
        after = f"{len(answer.begun)} bytes of the header" if answer.begun else ""
    else:
        length = header.length
        if error.kind == "expired" and length is not None and received >= length:
            return stream.clock.expired("the body came, but the connection did not end, which keepalived waits for,")
        after = f"status {header.status} and {received}{f' of {length}' if length is not None else ''} bytes"
    if not after:
        return error
    if error.kind == "expired":
        return stream.clock.expired(f"{after} came, and no end")
    return NetError(error.kind, f"{error.text} after {after}")
