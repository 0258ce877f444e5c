"""Which words has a command line that is written in one option?"""

from __future__ import annotations

_SHELL = "|&;<>`$("


class Words(tuple[str, ...]):
    """The words of a command line, split as by sh, though no shell runs it.

    Unquoted pipes, redirections and variables are refused: without a shell they would be plain arguments.
    """

    __slots__ = ()

    def __new__(cls, text: str) -> Words:
        """Build it from its text; raises ValueError with what is wrong."""
        words = tuple.__new__(cls, _split(text))
        if not words or not words[0]:
            raise ValueError("a command and its arguments are wanted")
        return words

    def __str__(self) -> str:
        return " ".join(self)


def _split(text: str) -> list[str]:
    words: list[str] = []
    word: str | None = None
    quote = ""
    rest = iter(text)
    for char in rest:
        if char == "\\" and quote != "'":
            after = next(rest, "")
            if not after:
                raise ValueError("the backslash at the end escapes nothing")
            word = (word or "") + (after if not quote or after in '"\\$`' else char + after)
        elif quote:
            quote, word = ("", word) if char == quote else (quote, (word or "") + char)
        elif char in "'\"":
            quote, word = char, word or ""
        elif char.isspace():
            words += [word] if word is not None else []
            word = None
        elif char in _SHELL:
            raise ValueError(f"{char} is for a shell, but no shell runs this; quote it, or write a script")
        else:
            word = (word or "") + char
    if quote:
        raise ValueError(f"a {quote} is not closed")
    return [*words, word] if word is not None else words
