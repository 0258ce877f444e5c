"""Which findings does a case have, and how are they printed?"""

from __future__ import annotations

import json
from dataclasses import asdict, replace
from typing import TYPE_CHECKING

from doctor.finding import ERROR, SEVERITIES, WARNING, Finding
from doctor.rules import RULES
from doctor.tested import REFUSES
from vipwarden.core.result import one_line

if TYPE_CHECKING:
    from collections.abc import Collection, Sequence

    from doctor.case import Case

CLEAN, WARNINGS, ERRORS, UNREADABLE = 0, 1, 2, 3
_COLOURS = {"error": "31", "warning": "33", "note": "36"}


def examine(case: Case, ignored: Collection[str] = ()) -> list[Finding]:
    """Return the findings of all rules but the ignored: errors first, then by file and line."""
    findings = {
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
    # where a rule reports an error on a line, keepalived's own words for it are left out
    errors = {(it.path, it.line) for it in findings if it.rule != REFUSES and it.severity == ERROR and it.line}
    kept = [it for it in findings if it.rule != REFUSES or (it.path, it.line) not in errors]
    return sorted(kept, key=lambda it: (SEVERITIES.index(it.severity), it.path, it.line, it.rule, it.what))


def exit_code(findings: Sequence[Finding]) -> int:
    """Return 2 with an error, 1 with a warning, else 0: notes do not count."""
    severities = {finding.severity for finding in findings}
    return ERRORS if ERROR in severities else WARNINGS if WARNING in severities else CLEAN


def _counts(findings: Sequence[Finding]) -> dict[str, int]:
    return {severity: sum(finding.severity == severity for finding in findings) for severity in SEVERITIES}


def as_text(case: Case, findings: Sequence[Finding], *, colour: bool = False) -> str:
    """Return the findings in the form of compiler messages, which editors understand, and a line of counts."""
    lines = []
    for finding in findings:
        place = f"{finding.path}:{finding.line}" if finding.line else finding.path
        word = f"\x1b[1;{_COLOURS[finding.severity]}m{finding.severity}\x1b[0m" if colour else finding.severity
        lines.append(f"{place}: {word}: {finding.what} [{finding.rule}]")
        lines += [f"    {finding.consequence}", f"    Fix: {finding.fix}"]
    counts = ", ".join(f"{count} {word}{'' if count == 1 else 's'}" for word, count in _counts(findings).items())
    return "\n".join([*lines, f"{counts}; {len(RULES)} rules, {case.running}", ""])


def as_json(case: Case, findings: Sequence[Finding]) -> str:
    """Return the findings as one JSON object."""
    report = {
        "configuration": one_line(case.host.shown(case.conf.path)),
        "keepalived": None if case.version is None else str(case.version),
        **{f"{severity}s": count for severity, count in _counts(findings).items()},
        "findings": [asdict(finding) for finding in findings],
    }
    return json.dumps(report, indent=2) + "\n"
