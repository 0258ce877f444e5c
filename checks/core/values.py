"""Which texts may an operator write for an option? A type of an option is a class built from its text."""

from __future__ import annotations


class Seconds(float):
    """A duration in seconds, fractions allowed, above 0 and at most a day."""

    __slots__ = ()

    def __new__(cls, text: str | float) -> Seconds:
        """Build it from its text; raises ValueError with what is wanted."""
        try:
            value = float.__new__(cls, text)
        except ValueError:
            value = float.__new__(cls, 0)
        if not 0 < value <= 86400:
            raise ValueError("a duration is a number of seconds above 0 and at most 86400, such as 0.5")
        return value


class Port(int):
    """A TCP port, 1 to 65535."""

    __slots__ = ()

    def __new__(cls, text: str | int) -> Port:
        """Build it from its text; raises ValueError with what is wanted."""
        digits = str(text)
        if digits.isascii() and digits.isdigit() and 1 <= int(digits) <= 65535:
            return int.__new__(cls, digits)
        raise ValueError("a port is a number from 1 to 65535")


class Count(int):
    """A whole number from 0 up."""

    __slots__ = ()

    def __new__(cls, text: str | int) -> Count:
        """Build it from its text; raises ValueError with what is wanted."""
        digits = str(text)
        if digits.isascii() and digits.isdigit() and len(digits) < 19:
            return int.__new__(cls, digits)
        raise ValueError("a whole number from 0 up is wanted")


class Escaped(bytes):
    r"""Bytes written as text with C escapes: \r \n \t \0 \\ and \xHH; other text is UTF-8."""

    __slots__ = ()

    def __new__(cls, text: str = "") -> Escaped:
        """Build it from its text; raises ValueError with what is wanted."""
        raw = text.encode("utf-8", "surrogateescape")
        return bytes.__new__(cls, _unescape(raw) if b"\\" in raw else raw)


_ESCAPES = {0x72: b"\r", 0x6E: b"\n", 0x74: b"\t", 0x30: b"\0", 0x5C: b"\\"}


def _unescape(raw: bytes) -> bytes:
    head, *rest = raw.split(b"\\")
    parts = [head]
    whole = iter(rest)
    for piece in whole:
        if not piece:  # two backslashes are one, and what follows is plain
            plain = next(whole, None)
            if plain is None:
                raise ValueError("the backslash at the end escapes nothing")
            parts += [b"\\", plain]
        elif piece[0] in _ESCAPES:
            parts += [_ESCAPES[piece[0]], piece[1:]]
        elif piece[:1] == b"x":
            digits = piece[1:3]
            if len(digits) < 2 or digits.strip(b"0123456789abcdefABCDEF"):
                raise ValueError(r"after \x two hexadecimal digits are wanted")
            parts += [bytes.fromhex(digits.decode()), piece[3:]]
        else:
            raise ValueError(r"known escapes are \r \n \t \0 \\ and \xHH")
    return b"".join(parts)
