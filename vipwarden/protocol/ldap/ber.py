"""What do elements of BER hold, as LDAP limits them? (ITU-T X.690; RFC 4511, section 5.1) Without I/O."""

from __future__ import annotations

from vipwarden.protocol.wire import WireError

MOST_BYTES = 262144  # of an element
BOOLEAN, INTEGER, OCTETS, ENUMERATED, SEQUENCE, SET = 0x01, 0x02, 0x04, 0x0A, 0x30, 0x31  # tags
_LONG_TAG = 0x1F
_LONG_SIZE = 0x80
_MOST_SIZE_BYTES = 4
_MOST_NUMBER_BYTES = 8


def element(tag: int, *parts: bytes) -> bytes:
    """Return an element of some content."""
    content = b"".join(parts)
    size = len(content)
    if size < _LONG_SIZE:
        return bytes((tag, size)) + content
    raw = size.to_bytes((size.bit_length() + 7) // 8, "big")
    return bytes((tag, _LONG_SIZE | len(raw))) + raw + content


def number(value: int, tag: int = INTEGER) -> bytes:
    """Return the element of a whole number from 0 up."""
    return element(tag, value.to_bytes(value.bit_length() // 8 + 1, "big"))


def parse(data: bytes, at: int = 0) -> tuple[int, bytes, int] | None:
    """Return tag and content of the element at an offset and where it ends, None where it is not whole.

    Raises WireError.
    """
    if len(data) < at + 2:
        return None
    tag, size, at = data[at], data[at + 1], at + 2
    if tag & _LONG_TAG == _LONG_TAG:
        raise WireError(f"sent an element with the tag {tag:#x}, which LDAP does not have")
    if size >= _LONG_SIZE:
        count = size - _LONG_SIZE
        if not 0 < count <= _MOST_SIZE_BYTES:
            raise WireError("sent an element without a size that LDAP allows")
        if len(data) < at + count:
            return None
        size, at = int.from_bytes(data[at : at + count], "big"), at + count
    if size > MOST_BYTES:
        raise WireError(f"sent an element of {size} bytes")
    return (tag, data[at : at + size], at + size) if len(data) >= at + size else None


def parts(content: bytes) -> list[tuple[int, bytes]]:
    """Return tag and content of all elements inside of another; raises WireError."""
    found = []
    at = 0
    while at < len(content):
        part = parse(content, at)
        if part is None:
            raise WireError("sent an element that is cut off")
        tag, inner, at = part
        found.append((tag, inner))
    return found


def value(content: bytes) -> int:
    """Return the whole number that an element holds; raises WireError."""
    if not 0 < len(content) <= _MOST_NUMBER_BYTES:
        raise WireError(f"sent a number of {len(content)} bytes")
    return int.from_bytes(content, "big", signed=True)
