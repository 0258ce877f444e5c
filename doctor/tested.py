"""What does keepalived itself hold against the configuration? Its own test (``keepalived -t``) is asked."""

from __future__ import annotations

import os
import re
import select
import signal
import subprocess
from pathlib import Path
from time import monotonic
from typing import IO, TYPE_CHECKING

from doctor.rule import ERROR, WARNING, Finding, rule
from vipwarden.node.keepalived.version import Version, programs

if TYPE_CHECKING:
    from collections.abc import Iterator

    from doctor.case import Case

ASKED = "keepalived-refuses"
_FIRST = Version("2.0.10")  # older ones start when they are asked to test
_SECONDS = 5
_HANGS = f"it does not end within {_SECONDS} s, and keepalived itself may not start with this configuration"
_MOST = 1 << 20  # bytes
_MOST_FINDINGS = 50
_PLACED = re.compile(r"\(((?P<path>[^\n]{1,4096}?): )?Line (?P<line>[0-9]{1,9})\) (?P<text>.*)")
# keepalived goes on with what it says
_MILD = re.compile(
    r"(?!.*\bunknown\b)(warning\b|.*\b(defaulting to|setting default|reducing|rounding|deprecated)\b)",
    re.IGNORECASE,
)
# said by rules of ours with more words, or of the test itself
_KNOWN = re.compile(
    r"(WARNING - default user|SECURITY VIOLATION|(Configuration file|Opening file|Using ConfigFile|Truncating)\b"
    r"|Disabling track script|.* track script \S+ not found|WARNING - script|Non-existent interface specified)"
)


def test(path: str, config_id: str | None, version: Version | None) -> str:
    """Return what ``keepalived -t`` says of a configuration, or that it hangs; nothing where there is none to ask."""
    found = programs()
    if not found or version is None or version < _FIRST:
        return ""
    command = [found[0], "-t", "-l", "-f", str(Path(path).absolute()), *(["-i", config_id] if config_id else [])]
    try:
        running = subprocess.Popen(  # noqa: S603 - at a fixed place
            command,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            env={"LC_ALL": "C", "PATH": "/usr/sbin:/usr/bin:/sbin:/bin"},
            start_new_session=True,
        )
    except OSError:
        return ""
    with running:
        said, has_ended = _heard(running.stdout, monotonic() + _SECONDS)
        if not has_ended:
            os.killpg(running.pid, signal.SIGKILL)
    return said if has_ended or len(said) >= _MOST else _HANGS


def _heard(source: IO[bytes] | None, end: float) -> tuple[str, bool]:
    """Return what is said until then, of a bounded length, and whether it was all."""
    data, chunk = b"", b"" if source is None else b"more"
    while chunk and source is not None and len(data) < _MOST:
        if not select.select([source], [], [], max(0.0, end - monotonic()))[0]:
            break
        chunk = os.read(source.fileno(), 65536)
        data += chunk
    return data[:_MOST].decode("utf-8", "replace"), not chunk


@rule(ASKED, ERROR)
def keepalived_refuses(case: Case) -> Iterator[Finding]:
    """Find what keepalived's own test of the configuration says, where keepalived is installed."""
    for path, line, text in _said(case.said)[:_MOST_FINDINGS]:
        mild = WARNING if _MILD.match(text) else ""
        consequence = "keepalived goes on with what it makes of it." if mild else "keepalived goes on without it."
        place = _path(case, path)
        yield Finding(
            place, line, f"keepalived -t: {text}", consequence, "Correct it, then: keepalived -t", severity=mild
        )


def _said(text: str) -> list[tuple[str, int, str]]:
    """Return path, line (0 for the whole) and text of each message, once.

    The parts of keepalived read the file one after the other and say the same, the first without the file's name.
    """
    messages = []
    for line in text.splitlines():
        placed = _PLACED.match(line)
        place = (placed["path"] or "", int(placed["line"])) if placed else ("", 0)
        words = (placed["text"] if placed else line).strip()
        if words and not _KNOWN.match(words):
            messages.append((*place, words))
    named = {message[1:] for message in messages if message[0]}
    return list(dict.fromkeys(message for message in messages if message[0] or message[1:] not in named))


def _path(case: Case, path: str) -> str:
    """Return the path of a file that keepalived names, which is relative where it was included."""
    if path.startswith("/"):
        return path
    beside = Path(case.conf.path).parent / path
    return str(beside) if path and beside.is_file() else case.conf.path
