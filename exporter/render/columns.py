"""How are thousands of samples written in a few milliseconds? Column by column, by loops inside the interpreter.

The rows of a table (HAProxy's CSV, the kernel's real servers) seldom change, its numbers always do. ``Rows`` keeps the
labels as text, and a metric is one column joined in between:

    rows = Rows(("proxy", "server"), [("web", "s1"), ("web", "s2")])    # kept while the rows are the same
    lines = rows.lines("haproxy_server_weight", [b"1", b"2"])           # at each scrape, for each column
    Lines("haproxy_server_weight", "gauge", "Its weight.", lines)       # or partial(rows.lines, ...), for large tables

Values are bytes as the source wrote them. ``numbers()`` and ``milliseconds()`` pass only numbers: a lying source cannot
write lines into the scrape. An empty value is no sample.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from exporter.render.exposition import braces

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence

_MOST_DIGITS = 300  # Prometheus refuses a scrape with a number beyond its floats
_MOST_KEPT = 10000  # conversions


class Rows:
    """The labels of many samples as text; of rows with equal labels only the first has samples."""

    __slots__ = ("_first", "_joined", "_labels")

    def __init__(self, names: Sequence[str], labels: Iterable[Sequence[str]]) -> None:
        texts = [braces(names, values) for values in labels]
        first = {text: index for index, text in reversed(list(enumerate(texts)))}
        self._first = None if len(first) == len(texts) else [first[text] == at for at, text in enumerate(texts)]
        self._labels = [f"{text} ".encode("utf-8", "replace") for text in texts]
        self._joined = b"\n".join(self._labels)  # a newline in a value is escaped

    def __len__(self) -> int:
        return len(self._labels)

    def lines(self, name: str, values: Sequence[bytes]) -> bytes:
        """Return a line for each row whose value is not empty; none for ()."""
        if not values:
            return b""
        start = name.encode()
        if self._first is None and are_same(values):  # such as zeros of idle servers
            if not (value := values[0]):
                return b""
            return b"%b%b%b\n" % (start, self._joined.replace(b"\n", b"%b\n%b" % (value, start)), value)
        labels = self._labels
        if self._first is not None:
            values = [value if own else b"" for own, value in zip(self._first, values, strict=True)]
        if not all(values):  # some are empty
            labels = [label for label, value in zip(labels, values, strict=True) if value]
            values = [value for value in values if value]
            if not values:
                return b""
        parts = [b"\n" + start] * (3 * len(values) + 1)
        parts[0] = start
        parts[1::3] = labels
        parts[2::3] = values
        parts[-1] = b"\n"
        return b"".join(parts)


class OneHot:
    """The states of many rows: a sample for each state, 1 for the current one and 0 for the others.

    With ``active`` only the 1. No two rows have the same labels. ``word`` returns the state in the source's text. The
    lines of a row are kept until that changes.
    """

    __slots__ = ("_active", "_known", "_labels", "_lines", "_states", "_word")

    def __init__(
        self,
        name: str,
        names: Sequence[str],
        labels: Iterable[Sequence[str]],
        states: Sequence[str],
        word: Callable[[bytes], bytes] = bytes,
        *,
        active: bool = False,
    ) -> None:
        self._states = [state.encode() for state in states]
        self._labels = [name + braces((*names, "state"), (*values, "\0"))[:-3] for values in labels]
        self._word = word
        self._active = active
        self._known: Sequence[bytes] = ()
        self._lines: Sequence[bytes] = ()

    def lines(self, column: Sequence[bytes]) -> Sequence[bytes]:
        """Return the lines of each row: none for an empty state, zeros for an unknown one."""
        known, before = self._known, self._lines
        if column != known:
            if len(known) == len(column):
                self._lines = [
                    line if state == was else self._write(label, state)
                    for line, state, was, label in zip(before, column, known, self._labels, strict=True)
                ]
            else:
                self._lines = list(map(self._write, self._labels, column))
            self._known = column
        return self._lines

    def _write(self, label: str, text: bytes) -> bytes:
        state = self._word(text)
        if not state:
            return b""
        start = label.encode("utf-8", "replace")
        if self._active:
            return b'%b%b"} 1\n' % (start, state) if state in self._states else b""
        return b"".join(b'%b%b"} %d\n' % (start, known, known == state) for known in self._states)


def numbers(column: Sequence[bytes]) -> Sequence[bytes]:
    """Return the column with only whole numbers from 0 up, () for an empty one."""
    if are_same(column):
        if not column or not column[0]:
            return ()
        return column if is_number(column[0]) else [b""] * len(column)
    joined = b"".join(column)
    if joined.isdigit():
        # if each has a digit and all have not many more, none has too many
        if len(joined) < len(column) + _MOST_DIGITS and all(column):
            return column
        if len(max(column, key=len)) <= _MOST_DIGITS:
            return column
    return [value if is_number(value) else b"" for value in column]


def are_same(column: Sequence[bytes]) -> bool:
    """Whether all values of a column are equal."""
    return not column or (column[0] == column[-1] and column.count(column[0]) == len(column))


def is_number(value: bytes) -> bool:
    """Whether it is a whole number from 0 up, of at most 300 digits."""
    return value.isdigit() and len(value) <= _MOST_DIGITS


class _Seconds(dict[bytes, bytes]):
    """Milliseconds as seconds, each value converted once."""

    def __missing__(self, value: bytes) -> bytes:
        if len(self) >= _MOST_KEPT:
            self.clear()
        # the quotient of two integers is the nearest float, whose shortest text is exact
        text = repr(int(value) / 1000).removesuffix(".0").encode() if is_number(value) else b""
        self[value] = text
        return text


_SECONDS = _Seconds()


def milliseconds(column: Sequence[bytes]) -> Sequence[bytes]:
    """Return the column in seconds, with only numbers, () for an empty one."""
    if are_same(column):
        return [_SECONDS[column[0]]] * len(column) if column and column[0] else ()
    return list(map(_SECONDS.__getitem__, column))
