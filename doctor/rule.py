"""What does a rule of the doctor look like?

A rule is a function that looks at a Case and yields what it found; its decorator gives it its name and how grave it
is.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, TypeAlias

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from doctor.case import Case
    from vipwarden.node.keepalived.conf import Block

ERROR, WARNING, NOTE = "error", "warning", "note"
SEVERITIES = (ERROR, WARNING, NOTE)


@dataclass(frozen=True, slots=True)
class Finding:
    """What a rule found: where (line 0 is the whole file), what is so, what comes of it, and what helps.

    ``rule`` and ``severity`` are the rule's, which puts them in; a finding may be less grave than its rule.
    """

    path: str
    line: int
    what: str
    consequence: str
    fix: str
    rule: str = ""
    severity: str = ""


Look: TypeAlias = "Callable[[Case], Iterator[Finding]]"


@dataclass(frozen=True, slots=True)
class Rule:
    """A rule: its name, which stays the same from release to release, its severity, and what it finds."""

    name: str
    severity: str
    about: str
    look: Look

    def findings(self, case: Case) -> Iterator[Finding]:
        """Yield what it finds."""
        for finding in self.look(case):
            yield replace(finding, rule=self.name, severity=finding.severity or self.severity)


def rule(name: str, severity: str) -> Callable[[Look], Rule]:
    """Make a rule out of a function; the first line of its docstring says what it finds."""
    return lambda look: Rule(name, severity, (look.__doc__ or "").partition("\n")[0], look)


def at(block: Block, what: str, consequence: str, fix: str, severity: str = "") -> Finding:
    """Return a finding about a statement."""
    return Finding(block.path, block.number, what, consequence, fix, severity=severity)
