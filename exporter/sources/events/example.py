"""Which facts has a node that has everything? Those of which docs/metrics.md lists the series."""

from __future__ import annotations

FACTS = {"check": 3}
