"""How is a page of another server fetched, with bounded time and size?"""

from __future__ import annotations

from base64 import b64encode
from typing import TYPE_CHECKING

from vipwarden.core.result import one_line
from vipwarden.core.values import endpoint
from vipwarden.net.stream import NetError
from vipwarden.net.tls import start_tls
from vipwarden.protocol.http.codec import Answer

if TYPE_CHECKING:
    import ssl
    from collections.abc import Callable, Sequence

    from vipwarden.net.net import Net
    from vipwarden.node.haproxy.source import AuthFile
    from vipwarden.protocol.http.body import DecodedBody


class AuthFileError(ValueError):
    """A file with user and password that cannot be used."""


async def fetch(
    net: Net,
    host: str,
    port: int,
    path: str,
    *,
    judge: Callable[[int], None],
    most: int,
    user: str = "",
    context: ssl.SSLContext | None = None,
) -> bytes:
    """Return the body, at most ``most`` bytes of it; raises NetError.

    ``judge`` raises for an unwanted status, before the body is read. ``user`` is USER:PASSWORD.
    """
    authority = endpoint(host, port)
    secret = f"Authorization: Basic {b64encode(user.encode()).decode()}\r\n" if user else ""
    request = f"GET {path} HTTP/1.0\r\nHost: {authority}\r\nUser-Agent: vipwarden\r\n{secret}\r\n"
    with await net.connect(await net.resolve(host), port) as plain:
        stream = plain if context is None else await start_tls(plain, context, host)
        await stream.send(request.encode())
        answer, parts, size, received = Answer(), [], 0, 0
        body: DecodedBody | None = None
        is_over = False
        while not is_over:
            data = await stream.receive()
            piece = answer.feed(data)
            received += len(piece)
            length = answer.header.length if answer.header is not None else None
            is_over = not data or answer.endless or (length is not None and received >= length)
            if answer.header is not None and body is None:
                judge(answer.header.status)
                body = answer.header.content(most)
            if body is not None:
                parts.append(body.feed(piece))
                size += len(parts[-1])
                if flaw := body.flaw(is_over):
                    raise NetError("reset", flaw)
            if size > most:
                raise NetError("reset", f"no end of the page in {most >> 20} MiB")
    if answer.header is None:
        begun = one_line(answer.begun[:200].decode("utf-8", "replace"), 60)
        raise NetError("reset", f"the answer is no HTTP, but {begun!r}")
    return b"".join(parts)


def user_and_password(files: Sequence[AuthFile], name: str) -> str:
    """Return the line USER:PASSWORD of the file for a name or else for all, "" without one; raises AuthFileError.

    The file is read each time, as passwords change.
    """
    known = {file.name: file.path for file in reversed(files)}
    path = known.get(name, known.get("", ""))
    if not path:
        return ""
    try:
        with open(path, encoding="utf-8") as source:  # noqa: PTH123 - a path from the operator
            line = source.readline(4096).rstrip("\r\n")
    except (OSError, UnicodeDecodeError) as error:
        raise AuthFileError(f"cannot read {path}: {getattr(error, 'strerror', None) or 'it is no text'}") from None
    if ":" not in line:
        raise AuthFileError(f"{path} has no line USER:PASSWORD")
    return line
