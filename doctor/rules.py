"""Which rules are there? Those of all subjects, in this order."""

from __future__ import annotations

from doctor import (
    checkers,
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
    weights,
)
from doctor.case import Rule

_SUBJECTS = (
    *(tested, scripts, idioms, timing, weights, track_files),
    *(checkers, instances, kernel, firewall, haproxy, selinux),
)
RULES = {rule.name: rule for subject in _SUBJECTS for rule in vars(subject).values() if isinstance(rule, Rule)}
