"""The pages of a server that answers byte by byte as it is told, and how the tests of chk_http_page ask for them."""

from __future__ import annotations

import gzip
import json
from contextlib import contextmanager
from typing import TYPE_CHECKING

from checks.http_page import http_page
from tests.drive import oneshot
from tests.servers.raw_http import DRIP, HANG, RESET, RawHttp, raw_http

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.servers.raw_http import Step
    from vipwarden.core.result import Result


START = b"HTTP/1.1 200 OK\r\n"
JSON = b"""{"status": "UP", "n": 3, "ok": true, "none": null, "checks": [{"state": "ok"}, {"a.b": 1.5}],
    "id": 9007199254740993}"""
DEEP = b"[" * 200_000 + b"]" * 200_000
TOKEN = "s3cr3t-t0ken-of-this-test"


def page(body: bytes, *fields: bytes, status: bytes = b"200 OK") -> tuple[Step, ...]:
    """Return a response of the right length, whose connection stays open."""
    lines = [b"HTTP/1.1 " + status, b"Content-Length: %d" % len(body), *fields]
    return (b"\r\n".join([*lines, b"", body]), HANG)


PAGES: dict[str, tuple[Step, ...]] = {
    "/": page(b"hello"),
    "/typed": page(b"hello", b"Content-Type: text/html; charset=utf-8", b"X-Empty:", b"X-Role: primary"),
    "/json": page(JSON),
    "/deep": page(DEEP),
    "/big-json": page(b'"' + b"x" * 1_100_000 + b'"'),
    "/number": page(b"[1" + b"0" * 100_000 + b"]"),
    "/chunked": (START + b"Transfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\n\r\n", HANG),
    "/chunked-end": (START + b"Transfer-Encoding: chunked\r\n\r\n0\r\n\r\n", HANG),
    "/gzip": page(gzip.compress(b"hello"), b"Content-Encoding: gzip"),
    "/bomb": page(gzip.compress(bytes(20_000_000)), b"Content-Encoding: gzip"),
    "/close": (START + b"\r\nhello",),
    "/early": (
        b"HTTP/1.1 103 Early Hints\r\nLink: </a>\r\n\r\n",
        0.01,
        START + b"Content-Length: 5\r\n\r\nhello",
        HANG,
    ),
    "/bare": (b"HTTP/1.1 204\r\n\r\n", HANG),
    "/nul": page(b"a\0b"),
    "/404": page(b"gone", status=b"404 Not Found"),
    "/503": page(b"", status=b"503 " + b"\x1b[2J" * 20),
    "/short": (START + b"Content-Length: 9\r\n\r\nhello",),
    "/lying": (START + b"Content-Length: 9, 5\r\n\r\nhello",),
    "/huge": (START + b"Content-Length: 99999999999999999999\r\n\r\nhello",),
    "/negative": (START + b"Content-Length: -5\r\n\r\nhello",),
    "/cut": (START + b"Transfer-Encoding: chunked\r\n\r\n64\r\nhello",),
    "/reset": (START + b"Content-Length: 9\r\n\r\nhello", 0.05, RESET),
    "/header": (START + b"A: " + b"x" * 70_000,),
    "/many": (START + b"\r\n" + b"x" * 20_000_000,),
    "/ssh": (b"SSH-2.0-OpenSSH 200 OK\r\n\r\n",),
    "/nothing": (),
    "/mute": (HANG,),
    "/drip": (START + b"\r\n", DRIP),
    "/interim": (b"HTTP/1.1 100 Continue\r\n\r\n" * 50, HANG),
    "/to-root": page(b"", b"Location: /", status=b"302 Found"),
    "/to-other": page(b"", b"Location: http://localhost:PORT/", status=b"302 Found"),
    "/loop": page(b"", b"Location: loop", status=b"301 Moved"),
    "/nowhere": page(b"", status=b"301 Moved"),
    "/to-ftp": page(b"", b"Location: ftp://127.0.0.1/", status=b"301 Moved"),
    "/to-nonsense": page(b"", b"Location: http://[::1/", status=b"301 Moved"),
    "/to-utf8": page(b"", "Location: /ü b".encode(), status=b"308 Moved"),
    "/%C3%BC%20b": page(b"hello"),
    "/echo": page(b"", f"Location: /?token={TOKEN}".encode(), status=b"302 Found"),
    "/echo-late": page(b"", b"Location: /0123456789012345678901234567890123456789" + TOKEN.encode(), status=b"302 F"),
    "/echo-json": page(json.dumps({"token": TOKEN}).encode()),
}


def placed(pages: dict[str, tuple[Step, ...]], server: RawHttp) -> dict[str, tuple[Step, ...]]:
    """Return pages with the port of their server for PORT."""
    port = server.port.encode()
    return {
        path: tuple(step.replace(b"PORT", port) if isinstance(step, bytes) else step for step in steps)
        for path, steps in pages.items()
    }


@contextmanager
def serving() -> Iterator[RawHttp]:
    """Serve all the pages above."""
    with raw_http(PAGES) as running:
        running.pages = placed(PAGES, running)
        yield running


def ask(server: RawHttp, path: str, *more: str) -> Result:
    """Ask for one of the pages."""
    result = oneshot(http_page, "-H", "127.0.0.1", "-p", server.port, "-u", path, *more)
    assert result.text.isprintable()
    assert len(result.text) < 400
    return result
