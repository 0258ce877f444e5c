"""What does keepalived's own test of the configuration (``keepalived -t``) report?"""

from __future__ import annotations

import re
from pathlib import Path

from doctor.case import Case, Findings, rule
from doctor.finding import ERROR, WARNING, Finding
from vipwarden.node.keepalived.tested import test as asked
from vipwarden.node.keepalived.version import Version, programs

REFUSES = "keepalived-refuses"
_FIRST = Version("2.0.10")  # older ones start when asked to test
_SECONDS = 5
_HANGS = f"it does not end within {_SECONDS} s; keepalived itself may not start with this configuration either"
_MOST_FINDINGS = 50
_PLACED = re.compile(r"\(((?P<path>[^\n]{1,4096}?): )?Line (?P<line>[0-9]{1,9})\) (?P<text>.*)")
# keepalived continues with the value that it names
_MILD = re.compile(
    r"(?!.*\bunknown\b)(warning\b|.*\b(defaulting to|setting default|reducing|rounding|deprecated)\b)", re.IGNORECASE
)
# said by other rules in more detail, or about the test itself
_KNOWN = re.compile(
    r"(WARNING - default user|SECURITY VIOLATION|(Configuration file|Opening file|Using ConfigFile|Truncating)\b"
    r"|Disabling track script|.* track script \S+ not found|WARNING - script|Non-existent interface specified)"
)


def test(path: str, config_id: str | None, version: Version | None) -> str:
    """Return the output of ``keepalived -t``, or that it hangs; nothing without a keepalived that can test."""
    installed = programs()
    if not installed or version is None or version < _FIRST:
        return ""
    try:
        tested = asked(installed[0], str(Path(path).absolute()), config_id, _SECONDS)
    except OSError:
        return ""
    return tested.text if tested.code is not None or tested.is_cut else _HANGS


@rule(REFUSES, ERROR)
def keepalived_refuses(case: Case) -> Findings:
    """Errors and warnings of keepalived's own configuration test."""
    for path, line, text in _messages(case.output)[:_MOST_FINDINGS]:
        severity, how = (WARNING, "with a default") if _MILD.match(text) else ("", "without it")
        fix = "Correct it, then run: keepalived -t"
        consequence = f"keepalived continues {how}."
        yield Finding(_path(case, path), line, f"keepalived -t: {text}", consequence, fix, severity=severity)


def _messages(output: str) -> list[tuple[str, int, str]]:
    """Return path, line (0 for the whole) and text of each message, once.

    The parts of keepalived read the file in turn and print the same, the first without the file's name.
    """
    messages = []
    for line in output.splitlines():
        placed = _PLACED.match(line)
        place = (placed["path"] or "", int(placed["line"])) if placed else ("", 0)
        text = (placed["text"] if placed else line).strip()
        if text and not _KNOWN.match(text):
            messages.append((*place, text))
    named = {message[1:] for message in messages if message[0]}
    return list(dict.fromkeys(message for message in messages if message[0] or message[1:] not in named))


def _path(case: Case, path: str) -> str:
    """Return the path of a file in a message, which is relative where it was included."""
    if path.startswith("/"):
        return path
    beside = Path(case.conf.path).parent / path
    return str(beside) if path and beside.is_file() else case.conf.path
