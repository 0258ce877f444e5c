"""Which password does a passfile hold for a server? The syntax is that of libpq's .pgpass."""

from __future__ import annotations


def password(text: str, host: str, port: int, database: str, user: str) -> str | None:
    r"""Return the password of the first line that fits, None where none does.

    A line is HOST:PORT:DATABASE:USER:PASSWORD; ``*`` fits everything, ``\`` escapes a colon or itself. A unix socket
    also fits ``localhost``.
    """
    hosts = (host, "localhost") if host.startswith("/") else (host,)
    for line in text.splitlines():
        if line.startswith("#"):
            continue
        fields = _fields(line)
        wanted = (hosts, (str(port),), (database,), (user,))
        if len(fields) == 5 and all(
            field == "*" or field in fitting for field, fitting in zip(fields, wanted, strict=False)
        ):
            return fields[4]
    return None


def _fields(line: str) -> list[str]:
    """Split a line at its first four colons that are not escaped."""
    fields: list[str] = []
    field, chars = "", iter(line)
    for char in chars:
        if char == "\\":
            field += next(chars, "")
        elif char == ":" and len(fields) < 4:
            fields.append(field)
            field = ""
        else:
            field += char
    return [*fields, field]
