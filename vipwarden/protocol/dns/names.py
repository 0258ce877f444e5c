"""How is a domain name written, as text and in a message?"""

from __future__ import annotations

from vipwarden.protocol.wire import WireError

_MOST_BYTES, _MOST_LABEL = 255, 63  # RFC 1035, 2.3.4
_MOST_STEPS = 128  # labels and pointers of one name
_SPECIAL = frozenset(b'"().;\\@$')


def to_wire(text: str) -> bytes:
    r"""Return a name in the form of messages; ``\.`` and ``\DDD`` are escapes. Raises ValueError."""
    if not text.isascii():
        text = text.encode("idna").decode("ascii")
    labels, label = [], bytearray()
    chars = iter(text if text != "." else "")
    for char in chars:
        if char == ".":
            labels.append(bytes(label))
            label.clear()
        elif char == "\\":
            label.append(_escaped(chars))
        else:
            label.append(ord(char))
    if label or not text.endswith("."):
        labels.append(bytes(label))
    if not all(0 < len(label) <= _MOST_LABEL for label in labels):
        raise ValueError("a label of a name has 1 to 63 bytes")
    wire = b"".join(bytes((len(label),)) + label for label in labels) + b"\0"
    if len(wire) > _MOST_BYTES:
        raise ValueError("a name has 255 bytes at most")
    return wire


def _escaped(chars: object) -> int:
    digits = next(chars, "")  # type: ignore[call-overload]
    if digits.isdigit():
        digits += next(chars, "") + next(chars, "")  # type: ignore[call-overload]
        if len(digits) != 3 or not digits.isdigit() or int(digits) > 255:
            raise ValueError(r"an escape is \DDD with three digits up to 255, or \ and a character")
        return int(digits)
    if not digits:
        raise ValueError("the backslash at the end escapes nothing")
    return ord(digits)


def to_text(wire: bytes) -> str:
    """Return a whole name as text, with a dot at its end and escapes as in zone files (RFC 1035, 5.1)."""
    parts, at = [], 0
    while wire[at]:
        parts += [_char(byte) for byte in wire[at + 1 : at + 1 + wire[at]]]
        parts.append(".")
        at += wire[at] + 1
    return "".join(parts) or "."


def _char(byte: int) -> str:
    if byte in _SPECIAL:
        return "\\" + chr(byte)
    return chr(byte) if 0x21 <= byte < 0x7F else f"\\{byte:03}"


def skip(data: bytes, at: int) -> int:
    """Return where the name at an offset ends; raises WireError."""
    while at < len(data):
        size = data[at]
        if size >= 0xC0:
            return at + 2
        at += size + 1
        if not size:
            return at
    raise WireError("sent a name that is cut short")


def read(data: bytes, at: int) -> bytes:
    """Return the name at an offset without its pointers (RFC 1035, 4.1.4); raises WireError.

    A pointer points backwards, so none leads round in a circle.
    """
    labels: list[bytes] = []
    length, first = 1, at
    for _ in range(_MOST_STEPS):
        if at >= len(data):
            break
        size = data[at]
        if size >= 0xC0:
            at = (size & 0x3F) << 8 | data[at + 1] if at + 1 < len(data) else first
            if at >= first:
                raise WireError("sent a name with a pointer that leads nowhere")
            first = at
        elif size > _MOST_LABEL:
            raise WireError(f"sent a label of the type {size >> 6}")
        elif not size:
            return b"".join(labels) + b"\0"
        else:
            length += size + 1
            if length > _MOST_BYTES:
                raise WireError("sent a name of more than 255 bytes")
            labels.append(data[at : at + size + 1])
            at += size + 1
    raise WireError("sent a name that does not end")
