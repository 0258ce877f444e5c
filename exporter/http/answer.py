"""How is an answer made: of a text, a file or an error, compressed or not?"""

from __future__ import annotations

import gzip
from hashlib import blake2b
from html import escape
from math import inf, isfinite
from mimetypes import guess_type
from typing import TYPE_CHECKING, NamedTuple

from exporter.http.accept import preferred, wants_gzip

if TYPE_CHECKING:
    import asyncio
    from collections.abc import Awaitable, Callable, Mapping
    from pathlib import Path

    from exporter.frame import Collected
    from exporter.http.aiohttp_server import BaseRequest

_TEXT = "text/plain; charset=utf-8"
HTML = "text/html; charset=utf-8"
FRESH = {"Cache-Control": "no-store"}
_ERRORS = (("text/plain", ""), ("text/html", ""))
_LEAST_SECONDS = 0.1
_LATENCY = 0.5  # of Prometheus' timeout, left for writing and sending


class Answer(NamedTuple):
    """A status, a body, its type, and further headers."""

    status: int
    body: bytes
    kind: str = _TEXT
    headers: Mapping[str, str] = {}


async def packed(
    request: BaseRequest, answer: Answer, collected: Collected, form: object, lane: asyncio.Lock
) -> Answer:
    """Return an answer compressed where the client takes it so."""
    headers, body = {**FRESH, "Vary": "Accept, Accept-Encoding", **answer.headers}, answer.body
    if wants_gzip(all_of(request, "Accept-Encoding")):
        body = await collected.written((form, "gzip"), lambda _: gzip.compress(answer.body, 1, mtime=0), lane)
        headers["Content-Encoding"] = "gzip"
    return answer._replace(body=body, headers=headers)


def file(path: Path) -> Callable[[BaseRequest], Awaitable[Answer]]:
    """Return what answers with a file of the page as it was at the start, or 304."""
    body = path.read_bytes()
    kind = guess_type(path.name)[0] or "application/octet-stream"
    if kind.startswith("text/"):
        kind += "; charset=utf-8"
    headers = {"ETag": f'"{blake2b(body, digest_size=16).hexdigest()}"', "Cache-Control": "no-cache"}

    async def answer(request: BaseRequest) -> Answer:
        if request.headers.get("If-None-Match") == headers["ETag"]:
            return Answer(304, b"", kind, headers)
        return Answer(200, body, kind, headers)

    return answer


def error(request: BaseRequest, status: int, text: str, headers: Mapping[str, str] | None = None) -> Answer:
    """Return an error, as HTML for a browser."""
    if preferred(all_of(request, "Accept"), _ERRORS) == 0:
        return Answer(status, f"{text}\n".encode(), headers={**FRESH, **(headers or {})})
    html = (
        f'<!DOCTYPE html><html lang="en"><meta charset="utf-8"><title>{status}</title>'
        f'<link rel="stylesheet" href="/static/page.css"><main><h1>{status}</h1><p>{escape(text)}</p>'
        '<p><a href="/">To the page of this node</a></p></main></html>\n'
    )
    return Answer(status, html.encode(), HTML, {**FRESH, **(headers or {})})


def busy(request: BaseRequest) -> Answer:
    """Return the error for one request too many."""
    return error(request, 503, "Too many ask at the same time.", {"Retry-After": "1"})


def deadline(header: str | None) -> float:
    """Return the seconds that X-Prometheus-Scrape-Timeout-Seconds leaves for reading, or inf."""
    try:
        seconds = float(header or "")
    except ValueError:
        return inf
    return max(_LEAST_SECONDS, seconds - _LATENCY) if isfinite(seconds) and seconds > 0 else inf


def all_of(request: BaseRequest, header: str) -> str:
    """Return the values of a header of the request, joined."""
    return ",".join(request.headers.getall(header, ()))
