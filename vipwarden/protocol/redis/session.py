"""How is a Redis server or a Sentinel asked, over a Net?"""

from __future__ import annotations

import posix

from vipwarden.net.stream import NetError
from vipwarden.protocol.redis.codec import MOST_BYTES, Refusal, command, parse
from vipwarden.protocol.wire import WireError

TYPE_CHECKING = False
if TYPE_CHECKING:
    import ssl
    from collections.abc import Sequence

    from vipwarden.net.net import Net
    from vipwarden.net.stream import Stream
    from vipwarden.protocol.redis.codec import Reply


class RefusalError(Exception):
    """The server refused a command; the text is its own."""


async def ask(
    net: Net,
    host: str,
    port: int,
    context: ssl.SSLContext | None,
    login: Sequence[bytes],
    *commands: tuple[bytes, ...],
) -> tuple[str, list[Reply]]:
    """Return the name of a server, and its replies to commands that are sent at once.

    ``login`` is user and password, the password alone, or nothing. Raises NetError, and RefusalError.
    """
    all_of_them = [(b"AUTH", *login), *commands] if login else list(commands)
    with await net.connect(await net.resolve(host), port, first=True) as plain:
        stream = plain
        if context is not None:
            from vipwarden.net.tls import start_tls

            stream = await start_tls(plain, context, host)
        await stream.send(b"".join(command(*words) for words in all_of_them))
        replies = await _replies(stream, len(all_of_them))
    for reply in replies:
        if isinstance(reply, Refusal):
            raise RefusalError(f"{stream.name} answered {reply.text}")
    return stream.name, replies[1:] if login else replies


async def _replies(stream: Stream, count: int) -> list[Reply]:
    replies: list[Reply] = []
    data = b""
    try:
        while len(replies) < count:
            found = parse(data) if data else None
            if found is not None:
                replies.append(found[0])
                data = data[found[1] :]
                if isinstance(found[0], Refusal):  # what follows was refused for the same reason
                    return replies
                continue
            more = await stream.receive()
            if not more:
                raise NetError("reset", f"{stream.name} closed the connection in the middle of an answer")
            data += more
            if len(data) > 2 * MOST_BYTES:
                raise WireError("does not end its answer")
    except WireError as error:
        raise NetError("reset", f"{stream.name} {error}") from None
    return replies


async def login_words(net: Net, user: str | None, path: str | None, notes: list[str]) -> list[bytes]:
    """Return the words of AUTH; raises NetError, and ValueError for a file that cannot be used."""
    name = [user.encode("utf-8", "surrogateescape")] if user is not None else []
    if path is not None:
        from vipwarden.net.secret import read_line

        password, exposed = await read_line(net, path)
        if exposed:
            notes.append(f"{path} holds a password and others can read it: chmod 600 it")
        return [*name, password]
    given = posix.environ.get(b"REDISCLI_AUTH")
    if given is None and user is not None:
        raise ValueError(f"no password for the user {user}: give a password_file or REDISCLI_AUTH")
    return [*name, given] if given is not None else []
