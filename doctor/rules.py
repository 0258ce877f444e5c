"""Which rules are there? All that stand in the modules of the subjects, in this order."""

from __future__ import annotations

from doctor import (
    checkers,
    file_checks,
    firewall,
    haproxy,
    idioms,
    instances,
    kernel,
    scripts,
    selinux,
    tested,
    timing,
    track_files,
    users,
    weights,
)
from doctor.rule import Rule

SUBJECTS = (
    tested,
    scripts,
    users,
    idioms,
    timing,
    weights,
    track_files,
    file_checks,
    checkers,
    instances,
    kernel,
    firewall,
    haproxy,
    selinux,
)
RULES = {rule.name: rule for subject in SUBJECTS for rule in vars(subject).values() if isinstance(rule, Rule)}
