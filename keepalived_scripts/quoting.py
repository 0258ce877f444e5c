"""How is a command written in keepalived.conf, so that keepalived runs it as it is?"""

from __future__ import annotations

from vipwarden.core.options import UsageError
from vipwarden.node.keepalived.version import Version

_KEEPS_ESCAPES = Version("2.3.2")
_PLAIN = frozenset("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789%+,-./:=@_")


def command(argv: tuple[str, ...], version: Version) -> str:
    r"""Return a command quoted for keepalived.conf.

    keepalived removes quotes twice, for the statement and for the command. Before that it looks for comments, braces
    and definitions, and heeds only double quotes. So a word with special characters stands in single quotes, and
    characters that those stages would interpret are written in octal. keepalived up to 2.3.1 removes escapes twice as
    well, so each backslash is doubled. Raises UsageError for a line longer than keepalived reads.
    """
    words = " ".join(_word(word) for word in argv)
    line = '"' + (words if version >= _KEEPS_ESCAPES else words.replace("\\", "\\\\")) + '"'
    if len(line.encode("utf-8", "surrogateescape")) > 900:
        raise UsageError("the command is too long: keepalived reads at most 1024 bytes of a line")
    return line


def _word(word: str) -> str:
    if word and set(word) <= _PLAIN:
        return word
    octal = "\"'\\$!#{}~@"
    return "'" + "".join(f"\\{ord(c):03o}" if c in octal or c < " " or c == "\x7f" else c for c in word) + "'"
