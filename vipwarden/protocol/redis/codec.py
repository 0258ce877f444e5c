"""What do commands and replies of the Redis protocol hold? (RESP2) Without I/O."""

from __future__ import annotations

from vipwarden.core.result import one_line
from vipwarden.protocol.wire import WireError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import TypeAlias

    Reply: TypeAlias = "bytes | int | Refusal | list[Reply] | None"

MOST_BYTES = 262144  # of one reply
_MOST_LINE = 4096
_MOST_PARTS, _MOST_DEPTH = 1024, 4


class Refusal:
    """An error that the server sent, such as "NOAUTH Authentication required."."""

    __slots__ = ("text",)

    def __init__(self, text: str) -> None:
        self.text = text


def command(*words: bytes) -> bytes:
    """Return a command."""
    return b"*%d\r\n" % len(words) + b"".join(b"$%d\r\n%s\r\n" % (len(word), word) for word in words)


def parse(data: bytes, at: int = 0, depth: int = 0) -> tuple[Reply, int] | None:
    """Return the reply at an offset and where it ends, None where it is not whole; raises WireError."""
    end = data.find(b"\r\n", at, at + _MOST_LINE)
    if end < 0:
        if len(data) - at >= _MOST_LINE or data[at : at + 1] not in b"+-:$*":
            raise _none(data, at)
        return None
    kind, line, at = data[at : at + 1], data[at + 1 : end], end + 2
    if kind == b"+":
        return line, at
    if kind == b"-":
        return Refusal(one_line(line.decode("utf-8", "replace"), 200)), at
    number = _number(line)
    if number is None or kind not in b":$*" or not kind:
        raise _none(data, at - len(line) - 3)
    if kind == b":":
        return number, at
    if number < 0:
        return None, at
    if kind == b"$":
        if number > MOST_BYTES:
            raise WireError(f"sent a reply of {number} bytes")
        if len(data) < at + number + 2:
            return None
        return data[at : at + number], at + number + 2
    if number > _MOST_PARTS or depth == _MOST_DEPTH:
        raise WireError(f"sent a reply of {number} parts, {depth} deep")
    parts: list[Reply] = []
    for _ in range(number):
        part = parse(data, at, depth + 1)
        if part is None:
            return None
        parts.append(part[0])
        at = part[1]
    return parts, at


def fields(text: bytes) -> dict[str, str]:
    """Return the fields of INFO by name."""
    pairs = (line.partition(b":") for line in text.splitlines() if not line.startswith(b"#"))
    return {_text(name): _text(value) for name, colon, value in pairs if colon}


def pairs(parts: Reply) -> dict[str, str]:
    """Return the fields of a flat list of names and values; raises WireError."""
    if not isinstance(parts, list) or not all(isinstance(part, bytes) for part in parts):
        raise WireError("sent something that is no list of fields")
    words = [_text(part) for part in parts if isinstance(part, bytes)]
    return dict(zip(words[::2], words[1::2], strict=False))


def _number(line: bytes) -> int | None:
    digits = line.removeprefix(b"-")
    return int(line) if digits.isdigit() and len(digits) < 19 else None


def _none(data: bytes, at: int) -> WireError:
    return WireError(f"sent {one_line(repr(data[at : at + 16])[1:], 40)}, which is no Redis reply")


def _text(raw: bytes) -> str:
    return one_line(raw[:800].decode("utf-8", "replace"), 200)
