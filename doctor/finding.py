"""What does a rule report?"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from vipwarden.node.keepalived.conf import Block

ERROR, WARNING, NOTE = "error", "warning", "note"
SEVERITIES = (ERROR, WARNING, NOTE)


@dataclass(frozen=True, slots=True)
class Finding:
    """A place (line 0 is the whole file), the fault, its consequence and its fix.

    ``rule`` and ``severity`` are filled in by the rule; a finding may be less severe than its rule.
    """

    path: str
    line: int
    what: str
    consequence: str
    fix: str
    rule: str = ""
    severity: str = ""


def at(block: Block, what: str, consequence: str, fix: str, severity: str = "") -> Finding:
    """Return a finding about a statement."""
    return Finding(block.path, block.number, what, consequence, fix, severity=severity)
