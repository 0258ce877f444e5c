"""Which rules are there? Those of all subjects, in this order."""

from __future__ import annotations

from doctor import (
    checkers,
    firewall,
    handover,
    haproxy,
    idioms,
    instances,
    kernel,
    pairs,
    scripts,
    selinux,
    tested,
    timing,
    track_files,
    weights,
)
from doctor.case import Rule

_SUBJECTS = (
    *(tested, scripts, idioms, timing, weights, handover, track_files),
    *(checkers, instances, pairs, kernel, firewall, haproxy, selinux),
)
RULES = {rule.name: rule for subject in _SUBJECTS for rule in vars(subject).values() if isinstance(rule, Rule)}
