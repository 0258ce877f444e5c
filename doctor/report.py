"""What do the rules find, and how is it told?"""

from __future__ import annotations

import json
from dataclasses import asdict, replace
from typing import TYPE_CHECKING

from doctor.rule import ERROR, SEVERITIES, WARNING, Finding
from doctor.rules import RULES
from doctor.tested import ASKED
from vipwarden.core.result import one_line

if TYPE_CHECKING:
    from collections.abc import Collection, Sequence

    from doctor.case import Case

CLEAN, WARNINGS, ERRORS, UNREADABLE = 0, 1, 2, 3
_COLOURS = {"error": "31", "warning": "33", "note": "36"}


def examine(case: Case, ignored: Collection[str] = ()) -> list[Finding]:
    """Return what the rules find, but for those that are ignored: errors first, then by file and line."""
    found = {
        replace(
            finding,
            path=one_line(case.host.shown(finding.path)),
            what=one_line(finding.what, 300),
            consequence=one_line(finding.consequence, 300),
            fix=one_line(finding.fix, 300),
        )
        for rule in RULES.values()
        if rule.name not in ignored
        for finding in rule.findings(case)
    }
    return sorted(
        _once(found), key=lambda one: (SEVERITIES.index(one.severity), one.path, one.line, one.rule, one.what)
    )


def _once(findings: Collection[Finding]) -> list[Finding]:
    """Leave out what keepalived says of a line of which a rule of ours says as much, with more words."""
    own = {(one.path, one.line): one for one in findings if one.rule != ASKED and one.severity == ERROR and one.line}
    return [one for one in findings if one.rule != ASKED or (one.path, one.line) not in own]


def exit_code(findings: Sequence[Finding]) -> int:
    """Return 2 where there is an error, 1 where there is a warning, else 0: notes do not count."""
    found = {finding.severity for finding in findings}
    return ERRORS if ERROR in found else WARNINGS if WARNING in found else CLEAN


def as_text(case: Case, findings: Sequence[Finding], *, colour: bool = False) -> str:
    """Return the findings for people, in the form of a compiler, which editors understand; and a line that counts."""
    lines = []
    for finding in findings:
        place = f"{finding.path}:{finding.line}" if finding.line else finding.path
        word = f"\x1b[1;{_COLOURS[finding.severity]}m{finding.severity}\x1b[0m" if colour else finding.severity
        lines += [
            f"{place}: {word}: {finding.what} [{finding.rule}]",
            f"    {finding.consequence}",
            f"    Fix: {finding.fix}",
        ]
    return "\n".join([*lines, f"{_counted(findings)}; {len(RULES)} rules, {case.running}", ""])


def _counted(findings: Sequence[Finding]) -> str:
    counts = [(sum(one.severity == severity for one in findings), severity) for severity in SEVERITIES]
    return ", ".join(f"{count} {word}{'' if count == 1 else 's'}" for count, word in counts)


def as_json(case: Case, findings: Sequence[Finding]) -> str:
    """Return the findings for programs."""
    counts = {f"{severity}s": sum(one.severity == severity for one in findings) for severity in SEVERITIES}
    whole = {
        "configuration": one_line(case.host.shown(case.conf.path)),
        "keepalived": None if case.version is None else str(case.version),
        **counts,
        "findings": [asdict(finding) for finding in findings],
    }
    return json.dumps(whole, indent=2) + "\n"
