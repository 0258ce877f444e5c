"""How is a page fetched and digested as by keepalived, over a Net?"""

from __future__ import annotations

from vipwarden.core.result import one_line
from vipwarden.net.stream import NetError
from vipwarden.protocol.hashes import start
from vipwarden.protocol.http.codec import RawBody, request
from vipwarden.protocol.http.response import judge_status, receive
from vipwarden.protocol.http.server import Server, without_scope

TYPE_CHECKING = False
if TYPE_CHECKING:
    from vipwarden.net.net import Net
    from vipwarden.protocol.http.body import DecodedBody
    from vipwarden.protocol.http.codec import Header
    from vipwarden.protocol.http.options import Algorithm, Statuses


class Page:
    """A complete response; ``content`` holds its first bytes, as many as were asked for, ``fragile`` as in RawBody."""

    __slots__ = ("content", "digest", "fragile", "header", "size")

    def __init__(self, header: Header, digest: str, size: int, content: bytes, fragile: list[str]) -> None:
        self.header = header
        self.digest = digest
        self.size = size
        self.content = content
        self.fragile = fragile


class _Digested:
    """A body on its way into a Page: what keepalived digests of it, or its decoded content."""

    __slots__ = ("body", "content", "digest", "header", "keep", "size")
    complete = False  # keepalived reads to the end of the connection, whatever the header says

    def __init__(self, header: Header, body: RawBody | DecodedBody, algorithm: Algorithm, keep: int) -> None:
        self.header = header
        self.body = body
        self.digest = start(algorithm)
        self.keep = keep
        self.size = 0
        self.content = b""

    def feed(self, data: bytes) -> None:
        """Take the next piece."""
        content = self.body.feed(data)
        self.digest.update(content)
        self.size += len(content)
        if len(self.content) < self.keep:
            self.content += content[: self.keep - len(self.content)]

    def flaw(self, ended: bool) -> str:
        """Return the fault, or ""."""
        flaw = self.body.flaw(ended)
        return f"{flaw}, with digest {self.digest.hexdigest()}" if flaw and ended else flaw


async def fetch(
    net: Net,
    server: Server,
    path: str,
    *,
    status: Statuses,
    algorithm: Algorithm,
    max_bytes: int,
    keep: int = 0,
    http_version: str = "1.0",
    decoded: bool = False,
) -> Page:
    """Fetch a page and digest it; raises NetError for anything but a complete response with an accepted status.

    ``keep`` is the number of bytes of the content to return. A short body is an error, while keepalived digests what
    arrived; a certificate must be valid unless the server is ``insecure``, while keepalived verifies none.
    """

    def begin(header: Header) -> _Digested:
        _judge(header, status)
        return _Digested(header, header.content(max_bytes) if decoded else RawBody(header), algorithm, keep)

    with await server.connect(net, first=True) as stream:
        authority = server.virtualhost or ("localhost" if server.local else without_scope(stream.name))
        await stream.send(request(path, authority, http_version))
        page = await receive(stream, begin, max_bytes)
    return Page(page.header, page.digest.hexdigest(), page.size, page.content, page.body.fragile)


def _judge(header: Header, wanted: Statuses) -> None:
    if not header.status:
        line = one_line(header.status_line, 60)
        raise NetError("reset", f"bad status line {line!r}: keepalived wants three digits between two blanks")
    judge_status(header, wanted)
