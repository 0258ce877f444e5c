"""How is a line of HAProxy's configuration cut into words?

As in parse_line() of HAProxy's src/tools.c: blanks separate words; a backslash takes the meaning from a blank, a quote,
a hash or a backslash, and makes a byte of r, n, t and xHH; double quotes keep blanks together, single quotes keep
everything as it is. Another backslash stays where it is, as in a regular expression.
"""

from __future__ import annotations

_ESCAPES = {"r": b"\r", "n": b"\n", "t": b"\t", "\\": b"\\", '"': b'"', "'": b"'", " ": b" ", "#": b"#"}


def words(text: str) -> list[bytes]:
    """Return the words of a line; raises ValueError with what is wrong in it."""
    found: list[bytes] = []
    word: bytes | None = None
    quote = ""
    rest = iter(text)
    for char in rest:
        if quote == "'" and char != quote:
            word = (word or b"") + _raw(char)
        elif char == "\\":
            word = (word or b"") + _escape(rest)
        elif quote and char == quote:
            quote = ""
        elif not quote and char in "'\"":
            quote, word = char, word or b""
        elif char in " \t" and not quote:
            if word is not None:
                found.append(word)
            word = None
        else:
            word = (word or b"") + _raw(char)
    if quote:
        raise ValueError(f"the quote {quote} is never closed")
    return found if word is None else [*found, word]


def _raw(char: str) -> bytes:
    return char.encode("utf-8", "surrogateescape")


def _escape(rest: object) -> bytes:
    """Return what a backslash and the characters after it stand for."""
    char = next(rest, "")  # type: ignore[call-overload]
    if char != "x":
        return _ESCAPES.get(char, b"\\" + _raw(char))
    digits = next(rest, "") + next(rest, "")  # type: ignore[call-overload]
    if len(digits) < 2 or digits.strip("0123456789abcdefABCDEF"):
        raise ValueError(r"after \x two hexadecimal digits are wanted")
    return bytes.fromhex(digits)
