"""Which statements has a script of sh?"""

from __future__ import annotations

import re

_WORDS = ("then", "else", "fi")


def statements(text: str) -> list[str]:
    """Return the statements of a script, one for each command and for then, else and fi."""
    found: list[str] = []
    for part in _parts(text.replace("\\\n", " ")):
        rest = part.strip()
        while rest:
            head = rest.split(None, 1)
            if head[0] not in _WORDS:
                found.append(re.sub(r"\s+", " ", rest) if "'" not in rest and '"' not in rest else rest)
                break
            found.append(head[0])
            rest = head[1].strip() if len(head) > 1 else ""
    return found


def _parts(text: str) -> list[str]:
    """Split at line ends and semicolons outside of quotes, and drop comments."""
    parts, now, quote, depth = [], "", "", 0
    index = 0
    while index < len(text):
        char = text[index]
        if quote:
            quote = "" if char == quote else quote
        elif char in "'\"":
            quote = char
        elif char == "#" and (not now or now[-1].isspace()):
            end = text.find("\n", index)
            index = end if end >= 0 else len(text)
            continue
        elif char == "(":
            depth += 1
        elif char == ")":
            depth -= 1
        if char in ";\n" and not quote and depth <= 0:
            parts.append(now)
            now = ""
        else:
            now += char
        index += 1
    return [*parts, now]
