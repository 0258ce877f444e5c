"""What is in HAProxy's table of statistics, column by column?

The CSV of HAProxy's management guide, section 9.1: a header that begins with ``# pxname``, a comma behind every
field, also the last one, and quotes around a field that holds a quote, a comma or a newline. Each version has more
columns than the one before (83 in 1.7, 101 and those of its modules since 2.6): the header names them.

The whole is split once, and a column is a slice of it. What a quote protects is set aside before, as three control
characters, so that commas and newlines mean the same everywhere.
"""

from __future__ import annotations

from vipwarden.core.result import one_line

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence

_MOST_FIELDS = 8_000_000  # 60 000 servers with all the columns of today
_MOST_COLUMNS = 1000
_QUOTE, _COMMA, _NEWLINE = b"\x1c", b"\x1d", b"\x1e"  # what stands for them inside of quotes
_HIDE = bytes.maketrans(b",\n", _COMMA + _NEWLINE)
_TAKE_OUT = bytes.maketrans(_QUOTE + _COMMA + _NEWLINE, b"???")


class TableError(ValueError):
    """The text is no such table; says what it is."""


class Table:
    """The table: ``header`` has the names of its columns; ``len()`` is the number of rows.

    ``lost`` is the number of those that were left out, for they had not as many fields as the header.
    """

    __slots__ = ("_fields", "_places", "_rows", "header", "lost")

    def __init__(self, header: list[str], fields: list[bytes], lost: int = 0) -> None:
        self.header = header
        self.lost = lost
        self._fields = fields
        self._places = {name: place for place, name in reversed(list(enumerate(header)))}
        self._rows = len(fields) // len(header)

    def __len__(self) -> int:
        return self._rows

    def column(self, name: str) -> list[bytes]:
        """Return the fields of a column, all empty where this version does not have it."""
        place = self._places.get(name)
        return self._fields[place :: len(self.header)] if place is not None else [b""] * self._rows

    def row(self, index: int) -> dict[str, str]:
        """Return a row as texts by column name."""
        width = len(self.header)
        return dict(zip(self.header, map(text, self._fields[index * width : (index + 1) * width]), strict=True))


def parse(data: bytes) -> Table:
    """Read the CSV; raises TableError."""
    if not data.startswith(b"# pxname,"):
        raise TableError(f"was answered with {one_line(data[:240].decode('utf-8', 'replace'), 60)!r}")
    if b'"' in data:
        data = _flat(data)
    head, _, body = data.partition(b"\n")
    header = head[2:].removesuffix(b",").decode("utf-8", "replace").split(",")
    if len(header) > _MOST_COLUMNS or (len(data) > _MOST_FIELDS and data.count(b",") > _MOST_FIELDS):
        raise TableError("was answered with a table that is too large")
    if "svname" not in header or "type" not in header:
        raise TableError("was answered with a table without the columns svname and type")
    body = body.strip(b"\n")
    if not body:
        return Table(header, [])
    fields = body.split(b",")
    width = len(header)
    names = fields[:-1:width]
    rest = [name[1:] for name in names[1:]]
    whole = not fields.pop() and len(fields) == width * len(names) and body.count(b"\n") == len(rest)
    if not whole or not {name[:1] for name in names[1:]} <= {b"\n"}:
        return _rescued(header, body)
    fields[width::width] = rest
    return Table(header, fields)


def _rescued(header: list[str], body: bytes) -> Table:
    """Return the whole rows of a table with broken ones; raises TableError where the last row is broken."""
    rows = [line.split(b",") for line in body.split(b"\n")]
    width = len(header) + 1  # with what stands behind the last comma, which is nothing
    whole = [row[:-1] for row in rows if len(row) == width and not row[-1]]
    if not whole or len(rows[-1]) != width or rows[-1][-1]:
        raise TableError("was answered with a table that was cut off")
    return Table(header, [field for row in whole for field in row], len(rows) - len(whole))


def text(field: bytes) -> str:
    """Return a field as it was written."""
    if field.startswith(_QUOTE):
        field = field[1:-1].replace(_QUOTE + _QUOTE, b'"').replace(_COMMA, b",").replace(_NEWLINE, b"\n")
    return field.decode("utf-8", "replace")


def texts(fields: Sequence[bytes]) -> list[str]:
    """Return fields as they were written."""
    return [text(field) for field in fields]


def _flat(data: bytes) -> bytes:
    """Put other characters in the place of quotes, and of the commas and newlines between them."""
    pieces = data.translate(_TAKE_OUT).split(b'"')
    pieces[1::2] = [piece.translate(_HIDE) for piece in pieces[1::2]]
    return _QUOTE.join(pieces)
