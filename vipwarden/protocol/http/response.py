"""How is a response read to its end, and what came instead of one?"""

from __future__ import annotations

from vipwarden.core.result import one_line
from vipwarden.core.values import Count
from vipwarden.net.stream import NetError
from vipwarden.protocol.http.codec import Answer

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Protocol, TypeVar

    from vipwarden.net.stream import Stream
    from vipwarden.protocol.http.codec import Header
    from vipwarden.protocol.http.options import Statuses

    class Body(Protocol):
        """What takes the pieces of a body."""

        @property
        def complete(self) -> bool:
            """Whether no more pieces are wanted."""

        def feed(self, data: bytes) -> object:
            """Take the next piece."""

        def flaw(self, ended: bool) -> str:
            """Return its fault, or ""; ``ended`` if it has no more pieces."""

    B = TypeVar("B", bound=Body)

MOST_BYTES = Count(16777216)


async def receive(stream: Stream, begin: Callable[[Header], B | None], most: int) -> B:
    """Read one response of at most ``most`` bytes of body; raises NetError unless it is complete.

    ``begin`` judges the header and returns what takes the body, None where another response follows (RFC 9110, 15.2).
    """
    answer = Answer()
    body: B | None = None
    received = 0
    while True:
        try:
            data = await stream.receive()
        except NetError as error:
            raise _interrupted(error, stream, answer, received) from None
        piece = answer.feed(data)
        while body is None and answer.header is not None:
            body = begin(answer.header)
            if body is None:
                answer = Answer()
                piece = answer.feed(piece)
        if body is None:
            if not data or answer.endless:
                raise NetError("reset", _no_header(answer))
            continue
        received += len(piece)
        if received > most:
            raise NetError("reset", f"a body of more than {most} bytes, the limit of --max-bytes")
        if piece:
            body.feed(piece)
        ended = not data or body.complete
        if flaw := body.flaw(ended):
            raise NetError("reset", flaw)
        if ended:
            return body


def judge_status(header: Header, wanted: Statuses) -> None:
    """Raise NetError where the status is not one of those wanted."""
    if not wanted.hold(header.status):
        location = one_line(header.field(b"location"), 60)
        raise NetError("reset", f"status {header.status}{location and ' to '}{location}, wanted {wanted}")


def _no_header(answer: Answer) -> str:
    if answer.endless:
        return "no end of the header in 64 KiB"
    if not answer.begun:
        return "the connection closed without an answer"
    begun = one_line(repr(bytes(answer.begun[:60]))[1:], 40)
    return f"no CR LF CR LF ends the header: {begun}"


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
