"""What does keepalived.conf say?

A statement a line, and blocks in braces, which may stand on the same line or on the next, as keepalived's
lib/parser.c reads them.
"""

from __future__ import annotations

from checks.node.keepalived_lines import ConfError, lines

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator


class Block:
    """A statement: its words, and the statements in the braces after it."""

    __slots__ = ("blocks", "words")

    def __init__(self, words: list[str]) -> None:
        self.words = words
        self.blocks: list[Block] = []

    def named(self, *keywords: str) -> Iterator[Block]:
        """Yield the statements inside that begin with one of the keywords."""
        return (block for block in self.blocks if block.words[0] in keywords)

    def value(self, keyword: str) -> str:
        """Return the word after a keyword where it stands last, or an empty text."""
        values = [block.words[1] for block in self.named(keyword) if len(block.words) > 1]
        return values[-1] if values else ""


def parse(path: str) -> Block:
    """Return a Block without words that holds every statement of the file and of those included; raises ConfError."""
    root = Block([])
    inside = [root]
    for line in lines(path):
        for piece in _pieces(line, path):
            if piece == "{":
                if not inside[-1].blocks:
                    inside[-1].blocks.append(Block([""]))
                inside.append(inside[-1].blocks[-1])
            elif piece != "}":
                inside[-1].blocks.append(Block(_words(piece)))
            elif len(inside) > 1:
                inside.pop()
    return root


def _pieces(line: str, path: str) -> list[str]:
    """Split at every brace that is not quoted: a brace is a statement of its own."""
    pieces = []
    start = 0
    quoted = False
    for index, char in enumerate(line):
        if char == '"':
            quoted = not quoted
        elif char in "{}" and not quoted:
            if line[index - 1 : index] == "$":
                raise ConfError(f"{path}: {line[index - 1 :].partition('}')[0]}}} is not understood here")
            pieces += [line[start:index].strip(), char]
            start = index + 1
    return [piece for piece in (*pieces, line[start:].strip()) if piece]


def _words(piece: str) -> list[str]:
    words: list[str] = []
    for index, part in enumerate(piece.split('"')):
        words += [part] if index % 2 else part.split()
    return words or [""]
