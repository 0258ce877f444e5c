"""The pages of a server that answers byte by byte as it is told, and what chk_http_digest and genhash make of them."""

from __future__ import annotations

import gzip
import hashlib
import subprocess
from contextlib import contextmanager
from typing import TYPE_CHECKING

from checks.http_digest import http_digest
from tests.commands import program
from tests.drive import oneshot
from tests.servers.raw_http import DRIP, HANG, RESET, RawHttp, raw_http

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.servers.raw_http import Step
    from vipwarden.core.result import Result


START = b"HTTP/1.1 200 OK\r\n"
HELLO = hashlib.md5(b"hello").hexdigest()
PAGES: dict[str, tuple[Step, ...]] = {
    "/plain": (START + b"Content-Length: 5\r\n\r\nhello",),
    "/close": (START + b"\r\nhello",),
    "/chunked": (START + b"Transfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\n\r\n",),
    "/cut-chunk": (START + b"Transfer-Encoding: chunked\r\n\r\n64\r\nhello",),
    "/cut-size": (START + b"Transfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n",),
    "/cut-end": (START + b"Transfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\n",),
    "/unframed": (START + b"Transfer-Encoding: chunked\r\n\r\nhello\r\n",),
    "/identity": (START + b"Transfer-Encoding: identity\r\nContent-Length: 9\r\n\r\nhello",),
    "/gzip": (START + b"Content-Encoding: gzip\r\n\r\n" + gzip.compress(b"hello", mtime=0),),
    "/bomb": (START + b"Content-Encoding: gzip\r\n\r\n" + gzip.compress(b"x" * 20_000_000, 1),),
    "/brotli": (START + b"Content-Encoding: br\r\n\r\nhello",),
    "/bare": (b"HTTP/1.1 200 OK\nContent-Length: 5\n\nhello",),
    "/late": (b"HTTP/1.1 200 OK\nContent-Length: 5\n\nhello\r\n\r\nhello, more",),
    "/lower": (START + b"content-length: 3\r\n\r\nhello",),
    "/x": (START + b"X-Content-Length: 3\r\n\r\nhello",),
    "/more": (START + b"Content-Length: 3\r\n\r\nhello",),
    "/blank": (START + b"Content-Length: 3 \r\n\r\nhello",),
    "/no-number": (START + b"Content-Length:\r\nA: b\r\n\r\nhello",),
    "/nul": (START + b"A: \0\r\nContent-Length: 3\r\n\r\nhello",),
    "/short": (START + b"Content-Length: 9\r\n\r\nhello",),
    "/empty": (START + b"Content-Length: 0\r\n\r\n",),
    "/long": (START + b"Content-Length: 1500000\r\n\r\n" + bytes(range(250)) * 6000,),
    "/slices": (START + b"Content-Length: 5\r\n\r", 0.01, b"\nhe", 0.01, b"llo, and more"),
    "/404": (b"HTTP/1.1 404 Not Found\r\nContent-Length: 5\r\n\r\nhello",),
    "/moved": (b"HTTP/1.1 301 Moved\r\nLocation: /there\r\nContent-Length: 5\r\n\r\nhello",),
    "/status": (b"HTTP/1.1 200\r\nContent-Length: 5\r\n\r\nhello",),
    "/page": (START + b"\r\nhello Content-Length: 5\r\n",),
    "/nothing": (),
    "/mute": (HANG,),
    "/header": (START, HANG),
    "/body": (START + b"Content-Length: 9\r\n\r\nhello", HANG),
    "/open": (START + b"Content-Length: 5\r\n\r\nhello", HANG),
    "/drip": (START + b"\r\n", DRIP),
    "/slow-header": (START, DRIP),
    "/reset": (START + b"Content-Length: 9\r\n\r\nhello", 0.05, RESET),
    "/endless": (START + b"A: " + b"x" * 70000,),
    "/nasty": (b"HTTP/1.1 500 \x1b[2J\r\n\r\n",),
    "/many": (START + b"\r\n" + b"a" * 50 + b"!",),
    "/esc": (b"\x1b[2J\n\0 hello\r\n\r\n",),
}


@contextmanager
def serving() -> Iterator[RawHttp]:
    """Serve all the pages above."""
    with raw_http(PAGES) as running:
        yield running


def ask(server: RawHttp, path: str, *more: str) -> Result:
    """Check one of the pages."""
    result = oneshot(http_digest, "-H", "127.0.0.1", "-p", server.port, "-u", path, *more)
    assert result.text.isprintable()
    assert len(result.text) < 300
    return result


def genhash(port: str, path: str, *more: str) -> str:
    """Return the digest that keepalived's own program prints, "" where it has none."""
    command = [program("genhash"), "-s", "127.0.0.1", "-p", port, "-u", path, *more]
    return subprocess.run(command, check=True, capture_output=True, text=True, timeout=60).stdout.strip()


def digest(result: Result) -> str:
    """Return the digest that a check took, "" where it has none."""
    if result.notes:
        return result.notes[0].split()[-1]
    return result.text.split(" with digest ")[1] if " with digest " in result.text else ""
