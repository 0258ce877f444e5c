"""How is an LDAP server asked, over a Stream?"""

from __future__ import annotations

from vipwarden.net.stream import NetError
from vipwarden.protocol.ldap.codec import (
    BOUND,
    DONE,
    ENTRY,
    NO_SUCH_OBJECT,
    NOTICE,
    REFERENCE,
    SUCCESS,
    answer,
    bind,
    entry,
    outcome,
    search,
    unbind,
)
from vipwarden.protocol.wire import WireError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence

    from vipwarden.net.stream import Stream
    from vipwarden.protocol.ldap.codec import Entry

_FIRST = 2  # STARTTLS had the number 1
_MOST_ANSWERS = 16  # to a search: an entry, references to other servers, and the end


class RefusalError(Exception):
    """The server refused an operation; the text has its name and its own words."""


class Session:
    """A connection to a server."""

    __slots__ = ("_buffer", "_last", "_stream")

    def __init__(self, stream: Stream) -> None:
        self._stream = stream
        self._buffer = b""
        self._last = _FIRST

    @property
    def farewell(self) -> bytes:
        """The request to end the session."""
        return unbind(self._last + 1)

    async def bind(self, name: str, password: bytes) -> None:
        """Log in; raises NetError and RefusalError."""
        await self._stream.send(bind(self._last, name, password))
        tag, content = await self._answer()
        self._judge(tag, BOUND, content, f"the bind as {name}" if name else "the anonymous bind")

    async def search(self, base: str, attributes: Sequence[str], seconds: int) -> Entry | None:
        """Return an entry, None where there is none or nobody may see it; raises NetError and RefusalError."""
        self._last += 1
        await self._stream.send(search(self._last, base, attributes, seconds))
        found = None
        for _ in range(_MOST_ANSWERS):
            tag, content = await self._answer()
            if tag == ENTRY:
                try:
                    found = entry(content)
                except WireError as error:
                    raise self._wrong(error) from None
            elif tag != REFERENCE:
                self._judge(tag, DONE, content, "the search", SUCCESS, NO_SUCH_OBJECT)
                return found
        raise self._wrong(WireError(f"sent {_MOST_ANSWERS} answers for one entry"))

    def _judge(self, tag: int, wanted: int, content: bytes, what: str, *good: int) -> None:
        try:
            said = outcome(content)
        except WireError as error:
            raise self._wrong(error) from None
        if tag == NOTICE:
            raise RefusalError(f"{self._stream.name} ended the session: {said}")
        if tag != wanted:
            raise self._wrong(WireError(f"answered {what} with something else"))
        if said.code not in (good or (SUCCESS,)):
            raise RefusalError(f"{self._stream.name} refused {what}: {said}")

    async def _answer(self) -> tuple[int, bytes]:
        """Return tag and content of the next answer to the last request, or of a notice; raises NetError."""
        try:
            while (found := answer(self._buffer)) is None:
                more = await self._stream.receive()
                if not more:
                    raise NetError("reset", f"{self._stream.name} closed the connection in place of an answer")
                self._buffer += more
            message, tag, content, end = found
            if message != (0 if tag == NOTICE else self._last):
                raise WireError(f"sent an answer to the message {message}, which nobody has sent")
        except WireError as error:
            raise self._wrong(error) from None
        self._buffer = self._buffer[end:]
        return tag, content

    def _wrong(self, error: WireError) -> NetError:
        return NetError("reset", f"{self._stream.name} {error}")
