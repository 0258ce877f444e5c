"""Which statements has the text of a file, at which places, and what stands there instead?"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator


@dataclass(frozen=True, slots=True)
class Piece:
    """A statement or a brace of a file: its text, its offsets, and its line from 0."""

    text: str
    start: int
    end: int
    line: int

    @property
    def word(self) -> str:
        """The first word."""
        return self.text.split(None, 1)[0]


@dataclass(slots=True)
class File:
    """A file as it was read; ``edits`` are offsets and what stands there instead, in any order."""

    path: str
    data: bytes
    edits: list[tuple[int, int, str]] = field(default_factory=list)
    text: str = ""
    starts: list[int] = field(default_factory=list)
    _pieces: dict[int, list[Piece]] = field(default_factory=dict)

    def __post_init__(self) -> None:
        """Find where its lines begin."""
        self.text = self.data.decode("utf-8", "surrogateescape")
        place = 0
        for line in self.text.split("\n"):
            self.starts.append(place)
            place += len(line) + 1

    def line(self, number: int) -> str:
        """Return a line from 0, without its end."""
        end = self.starts[number + 1] - 1 if number + 1 < len(self.starts) else len(self.text)
        return self.text[self.starts[number] : end]

    @property
    def newline(self) -> str:
        """How its lines end."""
        return "\r\n" if self.text.partition("\n")[0].endswith("\r") else "\n"

    def pieces(self, number: int) -> list[Piece]:
        """Return the statements and braces of a line from 0."""
        if number not in self._pieces:
            self._pieces[number] = list(_split(self.line(number), self.starts[number], number))
        return self._pieces[number]

    def indent(self, offset: int) -> str:
        """Return the blanks at the start of the line of an offset."""
        start = self.text.rfind("\n", 0, offset) + 1
        line = self.text[start:offset]
        return line[: len(line) - len(line.lstrip(" \t"))]

    def replace(self, start: int, end: int, text: str) -> None:
        """Put a text in the place of another; its lines end as those of the file."""
        self.edits.append((start, end, text.replace("\n", self.newline)))


def applied(text: str, edits: Iterable[tuple[int, int, str]], start: int = 0) -> str:
    """Return a text from an offset on, with the edits behind that."""
    parts, place = [], start
    for begin, end, new in sorted(edits):
        if begin >= start:
            parts += [text[place:begin], new]
            place = end
    return "".join([*parts, text[place:]])


def _split(line: str, offset: int, number: int) -> Iterator[Piece]:
    """Yield the pieces of a line outside of its comment, as the parser's _pieces() divides what is left of it."""
    if "\0" in line:  # keepalived passes over such a line
        return
    start, quoted, index = 0, False, 0
    end = len(line)
    braces: list[int] = []
    while index < len(line):
        char = line[index]
        if char == "\\":
            index += 1
        elif char == '"':
            quoted = not quoted
        elif char in "!#" and not quoted:
            end = index
            break
        elif char in "{}" and not quoted and line[index - 1 : index] != "$" and not _in_name(line, index):
            braces.append(index)
        index += 1
    for brace in [*braces, end]:
        text = line[start:brace].strip(" \t\r")
        if text:
            begin = offset + start + line[start:brace].index(text)
            yield Piece(text, begin, begin + len(text), number)
        if brace < end:
            yield Piece(line[brace], offset + brace, offset + brace + 1, number)
        start = brace + 1


def _in_name(line: str, index: int) -> bool:
    """Return whether a closing brace ends the use of a definition, as in ${NAME}."""
    return line[index] == "}" and "${" in line[:index] and "}" not in line[line.rindex("${", 0, index) : index]
