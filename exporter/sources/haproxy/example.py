"""Which facts has a node that has everything? Those of which docs/metrics.md lists the series."""

from __future__ import annotations

from exporter.choice import Choice
from exporter.sources.haproxy.info import INFO
from exporter.sources.haproxy.names import CODES, COLUMNS
from exporter.sources.haproxy.processes import Process
from exporter.sources.haproxy.rows import TYPES
from exporter.sources.haproxy.source import Haproxies, Instance
from vipwarden.node.haproxy.socket import Report
from vipwarden.node.haproxy.table import Table

_STATES = {"pxname": "p", "svname": "s", "status": "UP", "check_status": "L4OK", "agent_status": "L7OK"}
_NAMES = ("type", "check_code", "addr", "tracked", *(f"hrsp_{code}" for code in CODES))
_COLUMNS = dict.fromkeys((*_STATES, *_NAMES, *(column.column for column in COLUMNS)), "1")
_ROWS = [_COLUMNS | _STATES | {"type": kind} for kind in TYPES.values()]
_TABLE = Table(list(_COLUMNS), [value.encode() for row in _ROWS for value in row.values()])
_INFO = {line.key: "1" for line in INFO} | {"Version": "3", "node": "n", "description": "d"}
_REPORT = Report("s", _INFO, _TABLE, [("t", "ip", "1", "1")])
FACTS = Haproxies([Instance((), _REPORT, Process(1, 1, 1, 1, 1, 1))], Choice())
