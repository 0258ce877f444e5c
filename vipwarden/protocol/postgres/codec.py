"""What do the messages of the PostgreSQL protocol hold? Without I/O.

The layouts are those of "Message Formats" in the PostgreSQL documentation, protocol version 3.0.
"""

from __future__ import annotations

from vipwarden.core.result import one_line
from vipwarden.protocol.wire import WireError

MOST_BYTES = 65536  # of one message
TERMINATE = b"X\0\0\0\4"
TLS_REQUEST = b"\0\0\0\x08\x04\xd2\x16\x2f"
_VERSION = (3 << 16).to_bytes(4, "big")


class RefusalError(Exception):
    """The server sent an error: its SQLSTATE is ``code``, its message ``text``."""

    def __init__(self, code: str, text: str) -> None:
        super().__init__(text)
        self.code = code
        self.text = text


def startup(user: bytes, database: bytes) -> bytes:
    """Return the first message of a client, which has no type."""
    words = (b"user", user, b"database", database, b"application_name", b"vipwarden")
    body = _VERSION + b"".join(word.partition(b"\0")[0] + b"\0" for word in words) + b"\0"
    return (len(body) + 4).to_bytes(4, "big") + body


def message(kind: bytes, body: bytes) -> bytes:
    """Return any other message."""
    return kind + (len(body) + 4).to_bytes(4, "big") + body


def split(data: bytes) -> tuple[bytes, bytes, bytes] | None:
    """Return type and body of the first message and what follows it, None where it is not whole.

    Raises WireError.
    """
    if len(data) < 5:
        return None
    size = int.from_bytes(data[1:5], "big")
    if not data[:1].isalpha() or not 4 <= size <= MOST_BYTES:
        raise WireError(f"sent {one_line(repr(data[:16])[1:], 40)}, which is no PostgreSQL message")
    if len(data) <= size:
        return None
    return data[:1], data[5 : size + 1], data[size + 1 :]


def refusal(body: bytes) -> RefusalError:
    """Read an ErrorResponse."""
    fields = {field[:1]: field[1:] for field in body.split(b"\0")}
    return RefusalError(_text(fields.get(b"C", b""), 5) or "?????", _text(fields.get(b"M", b""), 200))


def parameter(body: bytes) -> tuple[str, str]:
    """Return name and value of a ParameterStatus."""
    name, _, value = body.partition(b"\0")
    return _text(name, 60), _text(value.rstrip(b"\0"), 60)


def row(body: bytes) -> list[str | None]:
    """Return the columns of a DataRow as text; raises WireError."""
    columns: list[str | None] = []
    at = 2
    for _ in range(int.from_bytes(body[:2], "big")):
        size = int.from_bytes(body[at : at + 4], "big", signed=True)
        at += 4
        if at > len(body) or size < -1 or at + max(size, 0) > len(body):
            raise WireError("sent a row that is cut short")
        columns.append(None if size < 0 else _text(body[at : at + size], 200))
        at += max(size, 0)
    return columns


def _text(raw: bytes, limit: int) -> str:
    return one_line(raw[: 4 * limit].decode("utf-8", "replace"), limit)
