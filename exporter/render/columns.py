"""How are thousands of samples written in a few milliseconds? Column by column, never sample by sample.

A source that is a table (HAProxy's CSV, the kernel's list of real servers) has a set of rows that seldom changes, and
columns of numbers that always do. So ``Rows`` keeps the labels of the rows as they stand in the text, and a metric is
one column joined in between:

    rows = Rows(("proxy", "server"), [("web", "s1"), ("web", "s2")])    # kept while the rows are the same ones
    lines = rows.lines("haproxy_server_weight", [b"1", b"2"])           # at each scrape, for each column
    Lines("haproxy_server_weight", "gauge", "Its weight.", lines)       # which render() takes beside any Family

A large table is better given as ``partial(rows.lines, name, values)``: its lines are then written one metric at a time.

The values are bytes as a source wrote them. ``numbers()`` and ``milliseconds()`` let nothing through that is no
number, so that a lying source cannot write lines of its own into the scrape; an empty value is no sample. Values of
one's own are written as ``list(map(b"%d".__mod__, column))``.

Everything is done by loops inside the interpreter (slices, join, map over a dict), and what depends on the rows alone
is kept by who owns the rows: compare the columns that the labels came from with those of the last scrape (list
equality costs microseconds) and make new ``Rows`` where they differ.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from exporter.render.exposition import braces

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence

_MOST_DIGITS = 300  # Prometheus gives a scrape up for a number that is beyond its floats
_MOST_KEPT = 10000  # distinct values that a table of conversions may hold


class Rows:
    """The labels of many samples, as text; of rows with the same labels only the first has samples."""

    __slots__ = ("_first", "_joined", "_labels")

    def __init__(self, names: Sequence[str], labels: Iterable[Sequence[str]]) -> None:
        texts = [braces(names, values) for values in labels]
        first = {text: index for index, text in reversed(list(enumerate(texts)))}
        self._first = None if len(first) == len(texts) else [first[text] == at for at, text in enumerate(texts)]
        self._labels = [f"{text} ".encode("utf-8", "replace") for text in texts]
        self._joined = b"\n".join(self._labels)  # a newline of a label's value is written as two letters

    def __len__(self) -> int:
        return len(self._labels)

    def lines(self, name: str, values: Sequence[bytes]) -> bytes:
        """Return a line for each row, in whose place ``values`` has one; an empty value has none, nor has ()."""
        if not values:
            return b""
        start = name.encode()
        if self._first is None and are_same(values):  # as many columns are, of servers that rest
            value = values[0]
            return (
                b"%b%b%b\n" % (start, self._joined.replace(b"\n", b"%b\n%b" % (value, start)), value) if value else b""
            )
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
    """The states of many rows: a sample for each state, 1 for the one that the row is in and 0 for the others.

    With ``active`` the ones alone. No two rows have the same labels. ``word`` tells the state from what the source
    writes. The lines of a row are kept until that changes.
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
        """Return the lines of each row; a row whose state is empty has none, one in no known state all zeros."""
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

    def _write(self, label: str, said: bytes) -> bytes:
        state = self._word(said)
        if not state:
            return b""
        start = label.encode("utf-8", "replace")
        if self._active:
            return b'%b%b"} 1\n' % (start, state) if state in self._states else b""
        return b"".join(b'%b%b"} %d\n' % (start, one, one == state) for one in self._states)


def numbers(column: Sequence[bytes]) -> Sequence[bytes]:
    """Return the column without what is no whole number from 0 up; nothing at all where it is empty."""
    if are_same(column):
        if not column or not column[0]:
            return ()
        return column if is_number(column[0]) else [b""] * len(column)
    joined = b"".join(column)
    if joined.isdigit():
        # where each has a digit, and all have not many more, none has too many
        if len(joined) < len(column) + _MOST_DIGITS and all(column):
            return column
        if len(max(column, key=len)) <= _MOST_DIGITS:
            return column
    return [value if is_number(value) else b"" for value in column]


def are_same(column: Sequence[bytes]) -> bool:
    """Whether all values of a column are the same, or there are none."""
    return not column or (column[0] == column[-1] and column.count(column[0]) == len(column))


def is_number(value: bytes) -> bool:
    """Whether it is a whole number from 0 up, of no more digits than make sense."""
    return value.isdigit() and len(value) <= _MOST_DIGITS


class _Seconds(dict[bytes, bytes]):
    """Milliseconds as seconds: each value is converted once."""

    def __missing__(self, value: bytes) -> bytes:
        if len(self) >= _MOST_KEPT:
            self.clear()
        # the quotient of two whole numbers is the nearest float, whose shortest text is exact
        text = repr(int(value) / 1000).removesuffix(".0").encode() if is_number(value) else b""
        self[value] = text
        return text


_SECONDS = _Seconds()


def milliseconds(column: Sequence[bytes]) -> Sequence[bytes]:
    """Return the column in seconds, without what is no number; nothing at all where it is empty."""
    if are_same(column):
        return [_SECONDS[column[0]]] * len(column) if column and column[0] else ()
    return list(map(_SECONDS.__getitem__, column))
