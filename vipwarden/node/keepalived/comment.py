"""What is a line of keepalived.conf without its comment?"""

from __future__ import annotations

_BLANKS = " \t"


def uncomment(line: str) -> str:
    """Return a line without its comment and the blanks around it, as decomment() does up to keepalived 2.3.

    ``!`` and ``#`` begin a comment outside double quotes. A backslash at the end of a comment still counts.
    """
    kept: list[str] = []
    quoted = commented = False
    rest = iter(line.rstrip("\r").lstrip(_BLANKS))
    for char in rest:
        if char == "\\":
            after = next(rest, "")
            if not after:
                return "".join(kept).rstrip(_BLANKS) + "\\"
            if not commented:
                kept.append(after if after in "#!" and not quoted else char + after)
            continue
        if commented:
            continue
        if char == '"':
            quoted = not quoted
        elif char in "!#" and not quoted:
            commented = True
            continue
        kept.append(char)
    return "".join(kept).strip(_BLANKS)
