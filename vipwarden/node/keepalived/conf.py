"""Which statements and blocks has keepalived.conf, as keepalived's lib/parser.c reads them?"""

from __future__ import annotations

from vipwarden.node.keepalived.lines import ConfError, lines

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from vipwarden.node.keepalived.lines import Line


class Block:
    """A statement: its words, its place, and the statements in the braces after it.

    ``text`` is the unsplit statement, for keywords that read quotes and escapes on their own (``quoted()``).
    ``path`` and ``number`` are those of its first line, or of the line that used its definition.
    """

    __slots__ = ("blocks", "number", "path", "text", "words")

    def __init__(self, words: list[str], text: str = "", path: str = "", number: int = 0) -> None:
        self.words = words
        self.text = text
        self.path = path
        self.number = number
        self.blocks: list[Block] = []

    @property
    def name(self) -> str:
        """The word after the keyword, such as the name of a vrrp_instance, or nothing."""
        return self.words[1] if len(self.words) > 1 else ""

    def named(self, *keywords: str) -> Iterator[Block]:
        """Yield the statements inside that begin with one of the keywords."""
        return (block for block in self.blocks if block.words[0] in keywords)

    def last(self, *keywords: str) -> Block | None:
        """Return the last statement inside that begins with one of the keywords."""
        return next((block for block in reversed(self.blocks) if block.words[0] in keywords), None)

    def value(self, keyword: str) -> str:
        """Return the word after the last statement of a keyword that has one, or nothing."""
        return next((block.words[1] for block in reversed([*self.named(keyword)]) if len(block.words) > 1), "")


def parse(path: str, *, root: str = "", config_id: str | None = None, texts: Mapping[str, str] | None = None) -> Block:
    """Return a Block without words around all statements of a file and its includes; raises ConfError.

    ``root`` is put before the absolute paths of includes; ``config_id`` is keepalived's own option. ``texts`` by path
    are read in place of files.
    """
    top = Block([], path=path)
    inside = [top]
    for line in lines(path, root=root, config_id=config_id, texts=texts):
        for piece in _pieces(line):
            if piece == "{":
                if not inside[-1].blocks:
                    inside[-1].blocks.append(Block([""], "", line.path, line.number))
                inside.append(inside[-1].blocks[-1])
            elif piece != "}":
                inside[-1].blocks.append(Block(_words(piece), piece, line.path, line.number))
            elif len(inside) > 1:
                inside.pop()
    return top


def _pieces(line: Line) -> list[str]:
    """Split at every brace outside quotes: a brace is a piece of its own."""
    pieces = []
    start = 0
    quoted = False
    text = line.text
    for index, char in enumerate(text):
        if char == '"':
            quoted = not quoted
        elif char in "{}" and not quoted:
            if text[index - 1 : index] == "$":
                raise ConfError(f"{line}: {text[index - 1 :].partition('}')[0]}}} is not defined")
            pieces += [text[start:index].strip(), char]
            start = index + 1
    return [piece for piece in (*pieces, text[start:].strip()) if piece]


def _words(piece: str) -> list[str]:
    words: list[str] = []
    for index, part in enumerate(piece.split('"')):
        words += [part] if index % 2 else part.split()
    return words or [""]


_ESCAPES = {"a": "\a", "b": "\b", "E": "\x1b", "f": "\f", "n": "\n", "r": "\r", "t": "\t", "v": "\v"}


def quoted(text: str, *, escapes: bool = True) -> list[str]:
    """Return the words of a text with quotes and escapes, as alloc_strvec_quoted_escaped() does.

    A command is split twice: the statement into words, one of them the command, and that into its words. From 2.3.2
    on the first split keeps escapes (alloc_strvec_quoted()), as this does without ``escapes``. There are no words
    where a quote or escape has no end: keepalived ignores the statement.
    """
    words: list[str] = []
    word: list[str] = []
    quote = ""
    begun = plain = False
    index = 0
    while index < len(text):
        char = text[index]
        index += 1
        plain = char != "\\"
        if not plain:
            if index == len(text):
                return []
            char, index = _escape(text, index) if escapes else (text[index - 1 : index + 1], index + 1)
        elif quote:
            if char == quote:
                quote = ""
                continue
        elif char in "\"'":
            quote, begun, plain = char, True, False
            continue
        elif char in " \t\f\n\r\v":
            if begun:
                words.append("".join(word))
            word, begun = [], False
            continue
        word.append(char)
        begun = True
    if quote and plain:  # a text that ends with its quote or an escape passes
        return []
    return [*words, "".join(word)] if begun else words


def _escape(text: str, index: int) -> tuple[str, int]:
    """Return the character of the escape whose backslash is before ``index``, and where it ends."""
    char, end = text[index], index + 1
    if char == "x" and text[end : end + 1] and text[end] in _HEX:
        while end < len(text) and text[end] in _HEX:
            end += 1
        return chr(int(text[index + 1 : end], 16) & 0xFF), end
    if char == "c" and end < len(text):
        return chr(ord(text[end]) & 0x1F), end + 1
    if char in _OCTAL:
        while end < min(index + 3, len(text)) and text[end] in _OCTAL:
            end += 1
        return chr(int(text[index:end], 8) & 0xFF), end
    return _ESCAPES.get(char, char), end


_HEX = "0123456789abcdefABCDEF"
_OCTAL = "01234567"
