"""How do tables and generated parts stand on a page of the documentation?"""

from __future__ import annotations

import re
import sys
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

_BEGIN, _END = "<!-- {}: written by make generate -->", "<!-- end -->"


def table(head: tuple[str, ...], rows: Iterable[tuple[str, ...]]) -> str:
    """Return a table."""
    lines = [head, tuple("---" for _ in head), *rows]
    return "".join("| " + " | ".join(cell.replace("|", r"\|") for cell in line) + " |\n" for line in lines)


def shown(text: str) -> str:
    """Return a text with its backslashes and angle brackets as Markdown shows them."""
    return re.sub(r"(\\\S+)", r"`\1`", text).replace("<", "&lt;")


def part(mark: str, text: str = "") -> str:
    """Return a generated part between its marks; a text of one line stays on theirs."""
    inside = f"\n\n{text}\n" if text.endswith("\n") or not text else text
    return _BEGIN.format(mark) + inside + _END


def filled(name: str, page: str, parts: Mapping[str, str]) -> str:
    """Return a page with its generated parts as they are wanted; ends the program where their marks are not there."""
    for mark, text in parts.items():
        begin = _BEGIN.format(mark)
        before, middle, rest = page.partition(begin)
        _, end, after = rest.partition(_END)
        if not middle or not end or begin in after:
            sys.exit(f"{name}: {begin} and {_END} behind it are wanted once")
        page = before + part(mark, text) + after
    return page
