"""Which lines does a line of keepalived.conf expand to, by definitions, sequences and conditions?

As read_line(), find_definition() and replace_param() in keepalived's lib/parser.c do: ``$NAME=text`` defines ``$NAME``
and ``${NAME}``, and may have several lines; ``~SEQ(var, start, step, end) text`` and ``~LST(var, value, ...) text``
repeat a text; ``@id`` and ``@^id`` lines are for (all but) one node.
"""

from __future__ import annotations

from vipwarden.node.keepalived.comment import uncomment
from vipwarden.node.keepalived.sequence import EndlessError, SequenceError, sequence

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator

_MOST_LINE = 65536
_MOST_STEPS = 256
_MOST_LINES = 100_000
_BLANKS = " \t"


class ExpansionError(Exception):
    """A definition has no end, or depends on what is not known here."""


class Definitions:
    """The definitions so far; ``folder`` is that of the file, ``${_PWD}``."""

    def __init__(self, node: str) -> None:
        self.folder = ""
        self._node = node
        self._known: dict[str, list[str]] = {"_HASH": ["#"], "_BANG": ["!"], "_INSTANCE": [node], "_RANDOM": ["0"]}
        self._open = ""
        self._multiline: set[str] = set()
        self._lines = 0

    def lines(self, raw: str) -> Iterator[str]:
        """Yield the lines that a line of a file expands to; raises ExpansionError."""
        line = uncomment(raw)
        if line:
            yield from self._expand(line)
        elif not raw.strip("\r"):
            self._close()  # an empty line ends a definition, a comment does not

    def _expand(self, line: str, depth: int = 0) -> Iterator[str]:
        self._lines += depth > 0  # a file is bounded by its size
        if depth > _MOST_STEPS or self._lines > _MOST_LINES:
            raise ExpansionError("its definitions and sequences have no end")
        if self._open:
            self._continue(line)
            return
        later: list[str] = []
        for _ in range(_MOST_STEPS):
            line = self._mine(line)
            if not line or self._define(line):
                break
            if line.startswith(("~SEQ", "~LST")):
                yield from self._repeat(line, depth)
                break
            replaced = None if line.startswith("~") else self._replace(line, later)
            if replaced is None:
                yield line
                break
            line = uncomment(replaced)
        else:
            raise ExpansionError("its definitions have no end")
        for more in later:
            yield from self._expand(more, depth + 1)

    def _mine(self, line: str) -> str:
        """Return the line without its ``@id``, nothing where it is for another node."""
        if not line.startswith("@"):
            return line
        name, *rest = line[1:].split(None, 1) or [""]
        mine = (name.removeprefix("^") == self._node) is not name.startswith("^")
        return rest[0] if rest and mine else ""

    def _define(self, line: str) -> bool:
        """Return whether a line is a definition, and store it. No blank may precede the equals sign."""
        name, equals, text = line[1:].partition("=")
        if not equals or not line.startswith("$") or not _is_name(name):
            return False
        text = text.lstrip(_BLANKS)
        lines = [text]
        self._multiline.discard(name)
        if text.endswith("\\"):
            self._multiline.add(name)
            first = text[:-1].rstrip(_BLANKS)
            lines = [first] if first else []
            self._open = name
        self._known[name] = lines
        return True

    def _continue(self, line: str) -> None:
        lines = self._known[self._open]
        if not line.endswith("\\"):
            self._close()
        text = line.removesuffix("\\").rstrip(_BLANKS)
        if text:
            lines.append(text)

    def _close(self) -> None:
        if self._open and not self._known[self._open]:  # then it has a single line, or none, and counts anywhere
            self._multiline.discard(self._open)
        self._open = ""

    def _repeat(self, line: str, depth: int) -> Iterator[str]:
        """Yield the lines of a ~SEQ or ~LST; keepalived ignores what it does not understand."""
        try:
            turns, text = sequence(line, self._in_numbers)
        except SequenceError:
            return
        except EndlessError as error:
            raise ExpansionError(str(error)) from None
        for names in turns:
            for name, value in names.items():
                self._known[name] = [value]
                self._multiline.discard(name)
            yield from self._expand(text, depth + 1) if text else ()

    def _in_numbers(self, text: str) -> str:
        replaced = self._replace(text, [])
        return text if replaced is None else replaced

    def _replace(self, line: str, later: list[str]) -> str | None:
        """Return the line with its definitions applied, None where it has none.

        The further lines of a definition are put before those in ``later``.
        """
        start = steps = 0
        while (start := line.find("$", start)) >= 0:
            place = _place(line, start)
            lines = None if place is None else self._value(*place, at_end=place[2] == len(line))
            if place is None or lines is None:
                start += 1
                continue
            first = lines[0] if lines else ""
            later[:0] = lines[1:]
            line = line[:start] + first + line[place[2] :]
            steps += 1
            if steps > _MOST_STEPS or len(line) > _MOST_LINE:
                raise ExpansionError(f"the definition of ${place[0]} has no end")
            if first.lstrip(_BLANKS).startswith("~"):
                break
        return line if steps else None

    def _value(self, name: str, arguments: str, _end: int, *, at_end: bool) -> list[str] | None:
        """Return the lines of a definition; a definition of several lines counts only at the end of a line."""
        if name == "_PWD" and name not in self._known:
            return None if arguments else [self.folder]
        if name == "_ENV" and arguments and name not in self._known:
            raise ExpansionError(f"${{_ENV {arguments}}} depends on the environment of keepalived")
        if arguments and (name != "_RANDOM" or not arguments.replace(" ", "").isdigit()):
            return None
        if name in self._multiline and not at_end:
            return None
        lines = self._known.get(name)
        return [arguments.split(maxsplit=1)[0]] if lines and " " in arguments else lines


def _is_name(name: str) -> bool:
    return name.isascii() and name.isidentifier()


def _place(line: str, start: int) -> tuple[str, str, int] | None:
    """Return name, arguments and end of the definition used at ``start``, where its ``$`` is."""
    braced = line.startswith("{", start + 1)
    begin = end = start + 1 + braced
    while line[end : end + 1].isalnum() or line[end : end + 1] == "_":
        end += 1
    name = line[begin:end]
    if not _is_name(name):
        return None
    if not braced:
        return (name, "", end) if line[end : end + 1] in ("", " ", "\t", ",", ")") else None
    close = line.find("}", end)
    arguments = line[end:close]
    if close == end:
        return name, "", end + 1
    if (
        close < 0
        or arguments != arguments.rstrip(_BLANKS)
        or not arguments.replace("_", "").replace(" ", "0").isalnum()
    ):
        return None
    return name, arguments.strip(_BLANKS), close + 1
