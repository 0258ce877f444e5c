"""What does a client get for a request, once it has followed the redirects?"""

from __future__ import annotations

from vipwarden.core.result import one_line
from vipwarden.net.stream import NetError
from vipwarden.protocol.http.body import DecodedBody
from vipwarden.protocol.http.redirect import MOST, OFF, STATUSES, target
from vipwarden.protocol.http.request import request
from vipwarden.protocol.http.response import receive
from vipwarden.protocol.http.server import Server, without_scope

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable

    from vipwarden.net.net import Net
    from vipwarden.protocol.http.codec import Header
    from vipwarden.protocol.http.request import Request


class Content(DecodedBody):
    """A response with its content."""

    __slots__ = ("content", "header")

    def __init__(self, header: Header, head: bool, most: int) -> None:
        """Begin the body of a response; the response to HEAD has none."""
        self.header = header
        self.content = bytearray()
        if head or header.status in (204, 304):
            super().__init__("", "", 0, most)
        else:
            super().__init__(header.transfer, header.field(b"content-encoding"), header.length, most)

    def feed(self, data: bytes) -> bytes:
        """Take the next piece of the body."""
        content = super().feed(data)
        self.content += content
        return content


class Question:
    """A request, the redirects that are followed, and the most bytes of content.

    ``judge`` raises NetError for the header of a response that is not wanted.
    """

    __slots__ = ("judge", "most", "redirects", "request")

    def __init__(self, request: Request, redirects: str, most: int, judge: Callable[[Header], None]) -> None:
        self.request = request
        self.redirects = redirects
        self.most = most
        self.judge = judge

    async def ask(self, net: Net, server: Server, path: str) -> tuple[Content, list[str]]:
        """Return the response, and the URLs on the way to it; raises NetError."""
        origin, way = (server.host, server.number), [server.url(path)]
        asks = self.request
        method, body, fields = asks.method, asks.body, {**asks.fields, **asks.secrets}
        while True:
            page = await self._once(net, server, request(method, path, _host(server), fields, body))
            if not self._leads_on(page.header):
                return page, way
            location = page.header.field(b"location")
            if not location:
                raise NetError("reset", f"status {page.header.status} without a Location")
            if len(way) > MOST:
                raise NetError("reset", f"more than {MOST} redirects")
            server, path = target(server, path, location, self.redirects)
            way.append(server.url(path))
            if (server.host, server.number) != origin:
                fields = asks.fields
            if page.header.status == 303 or (page.header.status in (301, 302) and method == "POST"):  # RFC 9110, 15.4
                method, body = "HEAD" if method == "HEAD" else "GET", None

    def _leads_on(self, header: Header) -> bool:
        return header.status in STATUSES and self.redirects != OFF

    async def _once(self, net: Net, server: Server, sent: bytes) -> Content:
        def begin(header: Header) -> Content | None:
            _judge_framing(header)
            if 100 <= header.status < 200 and header.status != 101:
                return None
            if self._leads_on(header):
                return Content(header, True, self.most)  # without its content
            self.judge(header)
            return Content(header, sent.startswith(b"HEAD "), self.most)

        with await server.connect(net, first=True) as stream:
            await stream.send(sent)
            return await receive(stream, begin, self.most)


def _host(server: Server) -> str:
    return server.virtualhost or ("localhost" if server.local else without_scope(server.authority))


def _judge_framing(header: Header) -> None:
    """Raise NetError for a response that clients and proxies refuse (RFC 9112, 4 and 6.3)."""
    line = header.status_line
    if not header.status and len(line) == 12 and line[9:].isdigit():
        header.status = int(line[9:])  # without the blank before a reason that is empty
    if not line.startswith("HTTP/1.") or not header.status:
        raise NetError("reset", f"bad status line {one_line(line, 60)!r}")
    lengths = header.field(b"content-length")
    first, *others = (length.strip() for length in lengths.split(","))
    if lengths and (not first.isdigit() or len(first) > 18 or any(other != first for other in others)):
        raise NetError("reset", f"bad Content-Length {one_line(lengths, 60)!r}")
