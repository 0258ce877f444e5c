"""Where in its files is each statement of keepalived.conf?

The parser says which statements keepalived sees; this says which characters they come from. A statement from a
definition, a sequence, a condition or a file that is included several times has no place of its own: it cannot be
changed where it stands without changing others.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from typing import TYPE_CHECKING

from convert.file import File, Piece
from vipwarden.net.file import look
from vipwarden.node.keepalived.comment import uncomment

if TYPE_CHECKING:
    from vipwarden.node.keepalived.conf import Block

_MOST_BYTES = 16 << 20


class PlaceError(Exception):
    """The statement has no place of its own in a file; the text is the reason."""


@dataclass(frozen=True, slots=True)
class Span:
    """The place of a statement with what its braces hold: offsets, the braces if any, and the statements inside."""

    file: File
    start: int
    end: int
    inner: tuple[Span, ...] = ()
    open: int = -1  # offset after the opening brace


class Sources:
    """The files of a configuration, and the place of each of its statements."""

    def __init__(self, conf: Block) -> None:
        self.files: dict[str, File] = {}
        self._uses: Counter[tuple[str, int, str]] = Counter()
        self._order: dict[int, int] = {}  # by identity: which of its kind in its line
        pending = [conf]
        while pending:
            block = pending.pop()
            for inner in block.blocks:
                key = (inner.path, inner.number, inner.words[0])
                self._order[id(inner)] = self._uses[key]
                self._uses[key] += 1
                pending.append(inner)

    def file(self, path: str) -> File:
        """Return a file; raises PlaceError."""
        if path not in self.files:
            try:
                self.files[path] = File(path, look(path, _MOST_BYTES)[1])
            except (OSError, ValueError) as error:
                raise PlaceError(f"{path} cannot be read: {error.args[-1]}") from None
        return self.files[path]

    def line(self, block: Block) -> Span:
        """Return the start of the line in which a block begins; raises PlaceError."""
        file = self.file(block.path)
        number = block.number - 1
        pieces = file.pieces(number) if number < len(file.starts) else []
        if not pieces or pieces[0].word != block.words[0]:
            raise PlaceError(f"its {block.words[0]} comes from a definition, a sequence or a condition")
        return Span(file, file.starts[number], file.starts[number])

    def span(self, block: Block) -> Span:
        """Return the place of a block; raises PlaceError."""
        file = self.file(block.path)
        line = block.number - 1
        if line >= len(file.starts):
            raise PlaceError(f"{block.path} changed while it was read")
        raw = uncomment(file.line(line))
        if raw.startswith("@"):
            raise PlaceError("it stands in a line with a condition (@)")
        if raw.startswith("~"):
            raise PlaceError("it stands in a sequence (~SEQ or ~LST)")
        pieces = [piece for piece in file.pieces(line) if piece.word.strip('"') == block.words[0]]
        uses = self._uses[block.path, block.number, block.words[0]]
        if not pieces:
            raise PlaceError("it comes from a definition ($)")
        if uses != len(pieces):
            raise PlaceError(f"its lines are used {uses} times, by definitions, sequences or includes")
        order = self._order[id(block)]
        try:
            return _Reader(file, pieces[order]).read(block)
        except RecursionError:
            raise PlaceError("it is nested too deeply") from None


class _Reader:
    """Reads a statement and what is in its braces, and compares it with what the parser found."""

    def __init__(self, file: File, first: Piece) -> None:
        self.file = file
        self.line = first.line
        row = file.pieces(first.line)
        self.at = row.index(first)

    def read(self, block: Block) -> Span:
        piece = self._next()
        if piece is None or piece.word.strip('"') != block.words[0]:
            found = "the end of the file" if piece is None else piece.text
            raise PlaceError(f"definitions, conditions or includes are inside ({found})")
        ahead = self._peek()
        if ahead is None or ahead.text != "{":
            if block.blocks:
                raise PlaceError("its braces come from a definition ($)")
            return Span(self.file, piece.start, piece.end)
        self._next()
        inner = tuple([self.read(part) for part in block.blocks])
        close = self._next()
        if close is None or close.text != "}":
            raise PlaceError("definitions, conditions or includes are inside")
        return Span(self.file, piece.start, close.end, inner, ahead.end)

    def _peek(self) -> Piece | None:
        line, at = self.line, self.at
        while line < len(self.file.starts):
            row = self.file.pieces(line)
            if at < len(row):
                return row[at]
            line, at = line + 1, 0
        return None

    def _next(self) -> Piece | None:
        while self.line < len(self.file.starts):
            row = self.file.pieces(self.line)
            if self.at < len(row):
                self.at += 1
                return row[self.at - 1]
            self.line, self.at = self.line + 1, 0
        return None
