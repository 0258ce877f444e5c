"""Which rules are there? Those of all subjects, in this order."""

from __future__ import annotations

from doctor import (
    balancing,
    checkers,
    clock,
    echo,
    firewall,
    handover,
    haproxy,
    idioms,
    instances,
    kernel,
    pairs,
    ports,
    refused,
    rehearsed,
    scripts,
    selinux,
    starting,
    tested,
    timing,
    track_files,
    units,
    via,
    weights,
)
from doctor.case import Rule

_SUBJECTS = (
    *(tested, scripts, idioms, timing, weights, handover, rehearsed, starting, track_files),
    *(checkers, balancing, instances, pairs, kernel, ports, units, clock, via, echo),
    *(firewall, haproxy, refused, selinux),
)
RULES = {rule.name: rule for subject in _SUBJECTS for rule in vars(subject).values() if isinstance(rule, Rule)}
