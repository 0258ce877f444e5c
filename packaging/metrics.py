"""Which metrics are there? docs/metrics.md, written from the code of the exporter."""

from __future__ import annotations

import re
from importlib import import_module
from typing import TYPE_CHECKING

from markdown import shown, table

from exporter import frame
from exporter.http.counts import Counts
from exporter.registry import sources
from exporter.render.exposition import Family
from exporter.source import Outcome

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
    """Yield each source, and the metrics that it has on a node that has everything: its example.py."""
    absent = [Outcome(source, 0.1, absence="none") for source in sources()]
    own = frame.families(absent, "1", Counts().families(web_is_current=True, connections=0))
    yield "exporter", own
    known = {metric.name for metric in own}
    for source in sources():
        facts = import_module(f"exporter.sources.{source.name}.example").FACTS
        found = frame.families([Outcome(source, 0.1, facts)], "1")
        yield source.name, [metric for metric in found if metric.name not in known]


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
