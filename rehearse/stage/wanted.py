"""Which processes, sockets and words does a script ask for, as far as its text says?"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Iterable

_NAME = r"['\"]?(?:/[\w./-]*/)?([\w@+][\w.@+-]*)"
_OPTIONS = r"(?:-[\w-]+(?:[ =](?:0|[0-9]+|root))?\s+)*"
_PROCESSES = (
    rf"\b(?:killall|pkill|pidof|pgrep)\s+{_OPTIONS}{_NAME}",
    rf"\bps\s+(?:-\S+\s+)*?-\w*C\s*{_NAME}",
    rf"\bps\s[^|;\n]*\|(?:\s*grep\s+-v[^|;\n]*\|)?\s*[ef]?grep\s+(?:-(?!v)\w+\s+)*{_NAME}",
    rf"\bsystemctl\s+(?:-\S+\s+)*(?:is-active|is-failed|status|show|start|restart|reload|stop)\s+(?:-\S+\s+)*{_NAME}",
    rf"\bservice\s+{_NAME}\s+(?:status|start|restart|reload|stop)\b",
    rf"/init\.d/{_NAME}\s+(?:status|start|restart|reload|stop)\b",
    rf"\bchk_process\s(?:[^|;&\n]*\s)?(?:-C|--command)[\s=]{_NAME}",
)
_PATTERN = re.compile(r"\b(?:pgrep|pkill)\s+(?:-\w+\s+)*-\w*f\w*\s+(['\"])([\w@+/][\w .:/@+=-]*)\1")
_PORTS = re.compile(
    r"\b(?:(?:ss|netstat)\s[^|;\n]*\|[^;\n]*?grep\s[^;\n]*?[:.]|lsof\s[^;\n]*?:)([0-9]{1,5})\b|\bfuser\s[^;\n]*?\b([0-9]{1,5})/tcp"
)
_SOCKET = re.compile(r"(/[\w./-]+\.sock(?:et)?)\b")
_PIDFILE = re.compile(r"(/[\w./-]+\.pid)\b")
_WORD = re.compile(r"\b[ef]?grep\s+(?:-(?!\w*v)\w+\s+)*(['\"]?)([\w .:/-]{1,60}?)\1(?=[\s|;&)`>]|$)", re.MULTILINE)
_EQUAL = re.compile(r"\s(?:=|==|!=)\s+(['\"]?)([A-Za-z][\w .:/-]{0,60}?)\1\s*\]")
_SET = re.compile(
    r"^\s*(?:local\s+|readonly\s+|export\s+)*([A-Za-z_]\w*)=(['\"]?)([\w./@+:-]+)\2\s*(?:;|#|$)", re.MULTILINE
)
NEVER = ("keepalived", "grep", "sh", "bash", "systemctl", "sleep", "wc", "awk")
_MOST = 8


class Wanted(NamedTuple):
    """Names of processes, with the command line that is looked for where there is one; paths; words of an answer.

    ``ports`` are those of which it is asked whether something listens there.
    """

    processes: dict[str, str]
    sockets: list[str]
    pidfiles: list[str]
    words: list[str]
    ports: list[int]


def wanted(texts: Iterable[str]) -> Wanted:
    """Return what a command and the scripts that it runs ask for."""
    text = "\n".join(_plain(it) for it in texts)
    found = dict.fromkeys(
        name.removesuffix(".service") for it in _PROCESSES for name in re.findall(it, text) if not name.isdigit()
    )
    processes = {it: "" for it in found if it not in NEVER}
    for _, line in _PATTERN.findall(text):
        name = re.split(r"[ :]", line)[0].rpartition("/")[2]
        processes[name] = line
    pidfiles = [*dict.fromkeys(_PIDFILE.findall(text))][:_MOST]
    if not processes:
        processes = {it.rpartition("/")[2].removesuffix(".pid"): "" for it in pidfiles}
    names = [*processes][:_MOST]
    words = [*(it for _, it in _WORD.findall(text)), *(it for _, it in _EQUAL.findall(text))]
    return Wanted(
        {it: processes[it] for it in names},
        [*dict.fromkeys(_SOCKET.findall(text))][:_MOST],
        pidfiles,
        [*dict.fromkeys(it for it in words if it not in processes)][:_MOST],
        [*dict.fromkeys(port for it in _PORTS.findall(text) if 0 < (port := int(it[0] or it[1])) < 65536)][:_MOST],
    )


def _plain(text: str) -> str:
    """Return a text without comments, its variables replaced by their values where these are plain."""
    kept = "\n".join(line for line in text.splitlines() if not line.lstrip().startswith("#"))
    values = {name: value for name, _, value in _SET.findall(kept)}
    return re.sub(r"\$(?:\{(\w+)\}|(\w+))", lambda it: values.get(it[1] or it[2], it[0]), kept)
