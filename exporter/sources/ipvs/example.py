"""Which facts has a node that has everything? Those of which docs/metrics.md lists the series."""

from __future__ import annotations

from vipwarden.node.ipvs.read import COUNTERS, Service, Table, Totals
from vipwarden.node.ipvs.table import Columns

_SERVERS = Columns([("192.0.2.21", "80")], ["Route"], [1], [1], [1], [1], [range(1, 2)] * len(COUNTERS))
_SERVICE = Service("TCP", "192.0.2.1", 80, "", "wrr", False, _SERVERS, [1] * len(COUNTERS))
FACTS = Table([_SERVICE], Totals([1] * len(COUNTERS)), "netlink")
