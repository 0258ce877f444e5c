"""What does a command of keepalived.conf mean, itself or by the script that it runs?"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from convert.probes import UNKNOWN, probe
from convert.script import Meaning, Script
from convert.wanted import LeftError
from vipwarden.net.file import look

if TYPE_CHECKING:
    from collections.abc import Sequence

_SHELLS = ("sh", "bash", "dash", "ksh", "zsh")
_MOST_BYTES = 65536


def meaning(argv: Sequence[str]) -> Meaning:
    """Return what a command of keepalived.conf means; raises LeftError."""
    program, *arguments = argv
    name = program.rpartition("/")[2]
    if program.startswith("<"):
        return Meaning(probe(" ".join(argv)))
    if name in _SHELLS:
        if arguments[:1] == ["-c"] and len(arguments) == 2:
            return understood(arguments[1])
        words = [word for word in arguments if not word.startswith("-")]
        if not words or len(words) < len(arguments):
            raise LeftError(UNKNOWN)
        program, arguments = words[0], words[1:]
    elif (text := _script(program)) is None:
        return Meaning(probe(" ".join(word if re.fullmatch(r"\S+", word) else f"'{word}'" for word in argv)))
    text = _script(program)
    if text is None:
        raise LeftError(f"{program} cannot be read as a script of sh")
    return understood(text, arguments)


def _script(path: str) -> str | None:
    """Return the text of a script of sh, None where it is none."""
    if not path.startswith("/"):
        return None
    try:
        data = look(path, _MOST_BYTES)[1]
    except (OSError, ValueError):
        return None
    first = data.partition(b"\n")[0].decode("utf-8", "replace")
    words = first[2:].split()
    names = [word.rpartition("/")[2] for word in words[: 1 + (words[:1] == ["/usr/bin/env"])]]
    is_shell = first.startswith("#!") and any(name in _SHELLS for name in names)
    if len(data) > _MOST_BYTES or b"\0" in data or not is_shell:
        return None
    return data.decode("utf-8", "replace").replace("\r\n", "\n")


def understood(text: str, arguments: Sequence[str] = ()) -> Meaning:
    """Return what a script means; raises LeftError."""
    try:
        return Script(text, arguments).read()
    except RecursionError:
        raise LeftError(f"{UNKNOWN}: it is nested too deeply") from None
