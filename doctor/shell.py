"""Which lines of a shell script are run? Neither its comments nor what it only prints."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator

# each alternative begins with another character, so that no line of a script makes these slow
_UP_TO_COMMENT = re.compile(r"""(?:[^"'#\\]|\\.|"(?:[^"\\]|\\.)*"|'[^']*'|(?<=[^\s;&|(])#)*""")
_PRINTED = re.compile(
    r"""((?:^|[;&|({]|\b(?:then|do|else))\s*)(?:echo|printf|logger)\s"""
    r"""(?:"(?:[^"`$\\]|\$(?!\()|\\.)*"|'[^']*'|[^\s;&|)"'`$]|\$(?!\()|\s)*(?=[;&)]|\|\||$)"""
)
MOST_LINE = 1000
_DOCUMENT = re.compile(r"""\bcat\s*(?:1?>&2\s*)?<<-?\s*["']?(\w+)["']?\s*(?:1?>&2\s*)?$""")


def code_of(line: str) -> str:
    """Return what of a line the shell runs; what is printed into a pipe may be run."""
    match = _UP_TO_COMMENT.match(line)
    if match is not None and line[match.end() :].startswith("#"):
        line = line[: match.end()]
    return _PRINTED.sub(r"\1", line)


def lines_of(script: str) -> Iterator[tuple[int, str]]:
    """Yield number and text, at most MOST_LINE letters, of the lines that the shell runs something of."""
    end = ""
    for number, whole in enumerate(script.splitlines(), 1):
        line = whole[:MOST_LINE]
        if end:
            end = "" if line.strip() == end else end
        elif (code := code_of(line)).strip():
            yield number, line
            if match := _DOCUMENT.search(code):
                end = match[1]
