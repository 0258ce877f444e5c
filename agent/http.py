"""What does a client get for ``GET /check/NAME``? 200 for a healthy check and 503 for all else, as text or JSON.

GET, HEAD and OPTIONS have the same status: option httpchk of HAProxy asks by OPTIONS where nothing else is configured.
RFC 9110 and RFC 9112.
"""

from __future__ import annotations

from json import dumps
from typing import TYPE_CHECKING
from urllib.parse import unquote

from vipwarden.core.result import one_line

if TYPE_CHECKING:
    from collections.abc import Callable

    from agent.door import Door
    from agent.spoken import Spoken
    from agent.watch import Watch

_MOST = 8192  # bytes of a request
_METHODS = ("GET", "HEAD", "OPTIONS")
_REASONS = {
    200: "OK",
    400: "Bad Request",
    404: "Not Found",
    405: "Method Not Allowed",
    431: "Request Header Fields Too Large",
    503: "Service Unavailable",
    505: "HTTP Version Not Supported",
}
_PREFIX = "/check/"


class Http:
    """Answers by what ``spoken`` says of a check, None for a name that is not configured."""

    def __init__(self, spoken: Callable[[str], tuple[Watch, Spoken] | None]) -> None:
        self._spoken = spoken

    def __call__(self, _door: Door, _peer: str, data: bytearray) -> tuple[bytes, bool | None] | None:
        """Take a request from the front of ``data``; return the answer, and whether the connection stays."""
        end = data.find(b"\r\n\r\n")
        if end < 0 or end > _MOST:
            return None if len(data) <= _MOST else (_answer(431, "The request is too long.\n"), None)
        line, _, fields = data[:end].decode("latin-1").partition("\r\n")
        del data[: end + 4]
        words = line.split(" ")
        if len(words) != 3 or not words[2].startswith("HTTP/"):
            return _answer(400, "This is no HTTP request.\n"), False
        method, target, version = words
        headers = _headers(fields)
        if version not in ("HTTP/1.1", "HTTP/1.0"):
            return _answer(505, "HTTP/1.0 and HTTP/1.1 are spoken here.\n"), False
        if "transfer-encoding" in headers or headers.get("content-length", "0") != "0":
            return _answer(400, "A request has no body here.\n"), None
        wish = headers.get("connection", "").lower()
        stays = "keep-alive" in wish if version == "HTTP/1.0" else "close" not in wish
        status, text, kind = self._found(method, target, "application/json" in headers.get("accept", "").lower())
        return _answer(status, text, kind, bare=method == "HEAD", stays=stays, options=method == "OPTIONS"), stays

    def _found(self, method: str, target: str, json: bool) -> tuple[int, str, str]:
        """Return status, body and its type."""
        if method not in _METHODS:
            return 405, "GET, HEAD and OPTIONS are answered.\n", ""
        path = target.partition("?")[0]
        name = unquote(path[len(_PREFIX) :]) if path.startswith(_PREFIX) else ""
        answer = self._spoken(name) if name else None
        if answer is None:
            return 404, "There is no such check: ask for /check/NAME, with a NAME of vipwarden status.\n", ""
        watch, said = answer
        status = 200 if said.healthy else 503
        if json:
            body = {
                "name": watch.entry.name,
                "check": watch.entry.check,
                "healthy": said.healthy,
                "state": int(said.state),
                "status": str(said.state),
                "since": round(watch.since, 3) or None,
                "text": said.text,
                "weight_percent": said.percent,
                "maintenance": said.maintenance or None,
            }
            return status, dumps(body) + "\n", "application/json"
        return status, f"{watch.entry.name} is {said.state}: {one_line(said.text)}\n", ""


def _headers(fields: str) -> dict[str, str]:
    pairs = (field.partition(":") for field in fields.split("\r\n"))
    return {name.strip().lower(): value.strip() for name, _, value in pairs}


def _answer(
    status: int, text: str, kind: str = "", *, bare: bool = False, stays: bool = False, options: bool = False
) -> bytes:
    body = text.encode("utf-8", "replace")
    lines = [
        f"HTTP/1.1 {status} {_REASONS[status]}",
        "Server: vipwarden",
        f"Content-Type: {kind or 'text/plain; charset=utf-8'}",
        f"Content-Length: {len(body)}",
        "Cache-Control: no-store",
        "X-Content-Type-Options: nosniff",
        f"Connection: {'keep-alive' if stays else 'close'}",
    ]
    if status == 405 or options:
        lines.append("Allow: GET, HEAD, OPTIONS")
    head = "\r\n".join([*lines, "\r\n"]).encode("ascii")
    return head if bare else head + body
