"""Which values has a ~SEQ or ~LST of keepalived.conf, as add_seq() and add_lst() of lib/parser.c read it?"""

from __future__ import annotations

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

_MOST_TURNS = 100_000
_BLANKS = " \t"


class SequenceError(Exception):
    """keepalived does not understand this sequence, and ignores it."""


class EndlessError(Exception):
    """This sequence is too long for a configuration."""


def sequence(line: str, replace: Callable[[str], str]) -> tuple[Iterable[dict[str, str]], str]:
    """Return the values of each turn by name, and the repeated text; raises SequenceError.

    ``replace`` applies definitions to the numbers of a ~SEQ.
    """
    kind, rest = line[:4], line[4:]
    base = "d"
    if kind == "~SEQ" and rest.startswith("x"):
        base, rest = "x", rest[1:]
    rest = rest.lstrip(_BLANKS)
    if not rest.startswith("("):
        raise SequenceError(line)
    return _numbers(rest[1:], base, replace) if kind == "~SEQ" else _list(rest[1:])


def _numbers(rest: str, base: str, replace: Callable[[str], str]) -> tuple[Iterable[dict[str, str]], str]:
    inside, close, text = rest.partition(")")
    name, comma, values = inside.partition(",")
    name = name.strip(_BLANKS)
    if not close or not comma or not name or name.startswith("{") or any(blank in name for blank in _BLANKS):
        raise SequenceError(rest)
    numbers = [_number(value) for value in replace(values.strip(_BLANKS)).split(",")]
    if len(numbers) == 1:
        end = numbers[0]
        start, step = (-1 if end < 0 else 1), (-1 if end < 1 else 1)
    elif len(numbers) == 2:
        start, end = numbers
        step = 1 if start <= end else -1
    elif len(numbers) == 3:
        start, step, end = numbers
    else:
        raise SequenceError(rest)
    if not step or ((end - start) * step < 0 and len(numbers) == 3) or (base == "x" and min(start, end) < 0):
        raise SequenceError(rest)
    # the first value is taken whatever the last is, as in ~SEQ(x, 0)
    turns = range(start, end + (1 if step > 0 else -1), step) or range(start, start + 1)
    if len(turns) > _MOST_TURNS:
        raise EndlessError("its sequence has no end")
    return ({name: format(turn, base)} for turn in turns), text.strip(_BLANKS)


def _number(text: str) -> int:
    """Return a number as strtol() with base 0 reads it; raises SequenceError for anything after it."""
    text = text.strip(_BLANKS)
    digits = text.lstrip("+-").lower()
    octal = digits[0:1] == "0" and digits[1:].isdigit()
    try:
        return int(text, 8) if octal else int(text, 0) if text else 0
    except ValueError:
        raise SequenceError(text) from None


def _list(rest: str) -> tuple[Iterable[dict[str, str]], str]:
    names, rest = _group(rest.lstrip(_BLANKS), ",}")
    if not rest.startswith(","):
        raise SequenceError(rest)
    rows = []
    while rest.startswith(","):
        values, rest = _group(rest[1:].lstrip(_BLANKS), ",})")
        if len(values) > len(names):
            raise SequenceError(rest)
        rows.append(dict(zip(names, values + [""] * (len(names) - len(values)), strict=True)))
    if not rest.startswith(")"):
        raise SequenceError(rest)
    return rows, rest[1:].strip(_BLANKS)


def _group(rest: str, ends: str) -> tuple[list[str], str]:
    """Return a word, or the words in braces, and the rest."""
    braced = rest.startswith("{")
    words: list[str] = []
    while True:
        rest = rest[1 if braced or words else 0 :].lstrip(_BLANKS)
        end = next((index for index, char in enumerate(rest) if char in ends + _BLANKS), len(rest))
        words.append(rest[:end])
        rest = rest[end:].lstrip(_BLANKS)
        if not braced:
            return words, rest
        if rest.startswith("}"):
            return words, rest[1:].lstrip(_BLANKS)
        if not rest.startswith(","):
            raise SequenceError(rest)
