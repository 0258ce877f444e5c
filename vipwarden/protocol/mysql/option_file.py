"""Which account, server and TLS settings does a MySQL defaults file hold?

The syntax is that of mysys/my_default.c in the sources of MySQL and MariaDB: what ``my_print_defaults`` prints of a
file is what parse() finds in it.
"""

from __future__ import annotations

from vipwarden.net import secret

TYPE_CHECKING = False
if TYPE_CHECKING:
    from vipwarden.net.net import Net

_SPACE = " \t\n\v\f\r"
_ESCAPES = {"n": "\n", "t": "\t", "r": "\r", "b": "\b", "s": " ", '"': '"', "'": "'", "\\": "\\"}


class DefaultsError(ValueError):
    """A defaults file cannot be used; the text has file, line and reason."""


async def read(net: Net, path: str, group: str) -> tuple[dict[str, str], bool]:
    """Return the options of [client] and of ``group``, and whether others than its owner may read the file.

    Raises DefaultsError, and NetError if reading takes too long. Names have underscores for dashes; an option without
    a value has an empty value. Of an option that is given twice the last value counts, in either group.
    """
    try:
        raw, exposed = await secret.read(net, path)  # MySQL's own clients read no file that everybody can write either
    except secret.SecretError as error:
        raise DefaultsError(str(error)) from None
    try:
        return parse(raw.decode("utf-8", "surrogateescape"), group), exposed
    except DefaultsError as error:
        raise DefaultsError(f"{path}{error}") from None


def parse(text: str, group: str) -> dict[str, str]:
    """Read the text of a file; raises DefaultsError that begins with the line, such as ":3: what is wrong"."""
    values: dict[str, str] = {}
    wanted: bool | None = None  # None before the first group
    for number, raw in enumerate(text.split("\n"), 1):
        line = raw.strip(_SPACE)
        if not line or line[0] in "#;":
            continue
        if line[0] == "!":
            raise DefaultsError(f":{number}: {line.split()[0]} is not followed, name the file itself with -f")
        if line[0] == "[":
            name, bracket, _ = line[1:].partition("]")
            if not bracket:
                raise DefaultsError(f":{number}: the group has no closing bracket")
            wanted = name.rstrip(_SPACE).lower() in ("client", group.lower())
        elif wanted is None:
            raise DefaultsError(f":{number}: an option stands before the first group")
        elif wanted:
            key, _, value = _uncommented(line).partition("=")
            name = key.strip(_SPACE).replace("-", "_").removeprefix("loose_")
            values[name] = _value(value.strip(_SPACE))
    return values


def _uncommented(line: str) -> str:
    """Cut a comment off: it starts at any # that stands outside of quotes."""
    quote = ""
    escaped = False
    for index, char in enumerate(line):
        if char in "'\"" and not escaped:
            if not quote:
                quote = char
            elif quote == char:
                quote = ""
        if char == "#" and not quote:
            return line[:index]
        escaped = bool(quote) and char == "\\" and not escaped
    return line


def _value(text: str) -> str:
    if len(text) > 1 and text[0] in "'\"" and text[0] == text[-1]:
        text = text[1:-1]
    if "\\" not in text:
        return text
    parts: list[str] = []
    chars = iter(text)
    for char in chars:
        if char == "\\" and (after := next(chars, None)) is not None:
            parts.append(_ESCAPES.get(after, "\\" + after))
        else:
            parts.append(char)
    return "".join(parts)
