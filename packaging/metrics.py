"""Which metrics are there? docs/metrics.md, written from the code of the exporter."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from markdown import shown, table

from exporter import frame
from exporter.http.counts import Counts
from exporter.registry import COLLECTORS
from exporter.render.exposition import Family
from exporter.sources.checks import source as checks
from exporter.sources.haproxy import source as haproxy
from exporter.sources.haproxy.filters import Choice
from exporter.sources.haproxy.names import CODES, COLUMNS, INFO
from exporter.sources.haproxy.process import Process
from exporter.sources.haproxy.rows import TYPES
from exporter.sources.ipvs import source as ipvs
from exporter.sources.vip import source as vip
from exporter.sources.vrrp import source as vrrp
from exporter.sources.vrrp.series import Vrrp
from vipwarden.node.haproxy.socket import Report
from vipwarden.node.haproxy.table import Table as Stats
from vipwarden.node.ipvs.read import COUNTERS, Service, Table, Totals
from vipwarden.node.ipvs.table import Columns

if TYPE_CHECKING:
    from collections.abc import Iterator

    from exporter.render.exposition import Metric

_HEAD = """\
# Metrics

<!-- written by make generate -->

Every series that the exporter can have, by the collector that reads it: name, type, labels and help are the code's
own. Where they come from and which rights that takes: [keepalived, IPVS and checks](exporter-keepalived.md),
[HAProxy](exporter-haproxy.md). What to alert on: [alerts](alerts.md).

- A source that is not there, or that cannot be read, has no series. An old value is never exported.
- In the text format an `untyped` metric stands as it is here; in OpenMetrics its type is `unknown`.
- `haproxy_*` has the label `haproxy_instance` as well where more than one HAProxy is configured.
- HAProxy reports what its version knows: a column or line that it does not have is no series.
"""


def everything() -> Iterator[tuple[str, list[Metric]]]:
    """Yield each collector, and the families that it has on a node that has everything."""
    outcomes = [frame.Outcome(one, 0.1) for one in COLLECTORS]
    own = frame.families(outcomes, "1", Counts().families(web_is_current=True, connections=0))
    ups = {one.up for one in COLLECTORS if one.up}
    yield "exporter", [one for one in own if one.name not in ups]
    up = [one for one in own if one.name in ups]
    yield "vip", list(vip.families(vip.Vips([], [])))
    yield "vrrp", list(vrrp.COLLECTOR.families(Vrrp(up=True, source="json")))
    yield "checks", list(checks.families(checks.Checks([])))
    series = list(haproxy.COLLECTOR.families(haproxy.Haproxies([_haproxy()], Choice())))
    yield "haproxy", series
    known = {one.name for one in series}
    yield "ipvs", [one for one in up if one.name not in known] + list(ipvs.families(_ipvs()))


def _haproxy() -> haproxy.One:
    header = ["pxname", "svname", "type", "status", "check_status", "check_code", "agent_status", "addr", "tracked"]
    header += [f"hrsp_{code}" for code in CODES]
    header += [name for name in dict.fromkeys(one.column for one in COLUMNS) if name not in header]
    fields = []
    for kind in TYPES.values():
        row = dict.fromkeys(header, "1") | {"pxname": "p", "svname": "s", "type": kind, "status": "UP"}
        row |= {"check_status": "L4OK", "agent_status": "L7OK"}
        fields += [value.encode() for value in row.values()]
    info = {one.key: "1" for one in INFO} | {"Version": "3", "node": "n", "description": "d"}
    report = Report("s", info, Stats(header, fields), [("t", "ip", "1", "1")])
    return haproxy.One((), report, Process(1, 1, 1, 1, 1, 1))


def _ipvs() -> Table:
    columns = Columns([("192.0.2.21", "80")], ["Route"], [1], [1], [1], [1], [range(1, 2)] * len(COUNTERS))
    service = Service("TCP", "192.0.2.1", 80, "", "wrr", False, columns, [1] * len(COUNTERS))
    return Table([service], Totals([1] * len(COUNTERS)), "netlink")


def labels(metric: Metric) -> tuple[str, ...]:
    """Return the names of its labels."""
    if isinstance(metric, Family):
        return metric.labels
    first = metric.lines().decode().partition("\n")[0]
    return tuple(re.findall(r'[{,]([a-z_]+)="', first))


def metrics() -> str:
    """Return the page of the metrics."""
    parts = [_HEAD]
    for collector, families in everything():
        rows = []
        for one in families:
            named = ", ".join(labels(one))
            rows.append((f"`{one.name}`", one.kind, named, shown(one.help)))
        title = "The exporter itself" if collector == "exporter" else f"Collector `{collector}`"
        parts.append(f"## {title}\n\n{table(('metric', 'type', 'labels', 'meaning'), rows)}")
    return "\n".join(parts)
