"""How do other monitoring systems read the last verdicts of a node? One function for each format."""

from __future__ import annotations

import platform
import re
from json import dumps
from typing import TYPE_CHECKING

from vipwarden.core.result import plain

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from vipwarden.core.result import Metric, Range
    from vipwarden.state.table import Row


def zabbix(table: Sequence[Row], host: str | None) -> str:
    """Return the input of ``zabbix_sender -i -``, a line for each value: HOST KEY VALUE.

    The first two lines are low-level discovery rules. A field with blanks, and each parameter of a key, is quoted;
    ``-`` is the host name of zabbix_sender's configuration.

    Sources: zabbix_sender(1), option --input-file; Zabbix Manual, "Item key format" and "Low-level discovery".
    """
    counting = [row for row in table if row.counts]
    checks = [{"{#NAME}": row.name, "{#CHECK}": row.check} for row in counting]
    metrics = [
        {"{#NAME}": row.name, "{#METRIC}": metric.name, "{#UNIT}": metric.uom}
        for row in counting
        for metric in row.metrics
    ]
    items = [("vipwarden.checks", dumps(checks)), ("vipwarden.metrics", dumps(metrics))]
    for row in counting:
        items += [(_key("state", row.name), str(int(row.state))), (_key("text", row.name), row.text)]
        if row.age is not None:
            items.append((_key("age", row.name), plain(max(0.0, row.age))))
        items += [(_key("metric", row.name, it.name), plain(it.value)) for it in row.metrics if _is_finite(it)]
    lines = [f"{_field(host or '-')} {_field(key)} {_field(value)}\n" for key, value in items]
    return "".join(lines)


def _key(word: str, *parameters: str) -> str:
    quoted = ",".join('"' + text.replace('"', '\\"') + '"' for text in parameters)
    return f"vipwarden.{word}[{quoted}]"


def _field(text: str) -> str:
    if text and not re.search(r'[\s"\\]', text):
        return text
    return '"' + text.replace("\\", "\\\\").replace('"', '\\"') + '"'


def checkmk(table: Sequence[Row], _host: str | None) -> str:
    r"""Return the lines of a local check of the Checkmk agent: STATUS "SERVICE" METRICS TEXT.

    Metrics are NAME=VALUE;WARN;CRIT;MIN;MAX, separated by ``|``; a threshold of two ends is LOWER:UPPER. ``\n`` in the
    text would begin the details of the service.

    Source: Checkmk Manual, "Local checks", "Syntax" and "Metrics".
    """
    lines = []
    for row in table:
        if row.counts:
            metrics = "|".join(_checkmk_metric(metric) for metric in row.metrics if _is_finite(metric))
            text = row.text.replace("|", "/").replace("\\", "/")
            service = row.name.replace('"', "'").replace("\\", "/")
            lines.append(f'{int(row.state)} "vipwarden {service}" {metrics or "-"} {text or row.state}\n')
    return "".join(lines)


def _checkmk_metric(metric: Metric) -> str:
    name = re.sub(r"[^A-Za-z0-9_]", "_", metric.name)
    least, most = ("" if it is None else plain(it) for it in (metric.minimum, metric.maximum))
    text = f"{name if not name[:1].isdigit() else f'_{name}'}={plain(metric.value)}"
    return f"{text};{_levels(metric.warn)};{_levels(metric.crit)};{least};{most}".rstrip(";")


def _levels(limits: Range | None) -> str:
    """Return a threshold as Checkmk has it, or "" where it has no such threshold."""
    if limits is None or limits.inside:
        return ""
    low, high = (plain(it) if abs(it) != float("inf") else "" for it in (limits.start, limits.end))
    if not high:
        return ""  # a lower limit alone cannot be written
    return f"{low}:{high}" if low not in ("", "0") else high


def icinga(table: Sequence[Row], host: str | None) -> str:
    """Return a line of JSON for each check: the body of POST /v1/actions/process-check-result.

    The service is that of the check's name on this host. ``ttl`` is when Icinga has to hear of it again. Names are
    given beside the filter, so that none can be read as a part of it.

    Source: Icinga 2 documentation, "Icinga 2 API", "process-check-result" and "Filters".
    """
    from nagios_plugins.check import performance

    node = host or platform.node()
    lines = []
    for row in table:
        if row.counts:
            body: dict[str, object] = {
                "type": "Service",
                "filter": "host.name == node && service.name == check",
                "filter_vars": {"node": node, "check": row.name},
                "exit_status": int(row.state),
                "plugin_output": f"{row.state} - {row.text}",
                "performance_data": [str(performance(metric)) for metric in row.metrics],
                "check_source": node,
            }
            if row.ttl:
                body["ttl"] = row.ttl
            lines.append(f"{dumps(body)}\n")
    return "".join(lines)


def prometheus(_table: Sequence[Row], _host: str | None) -> str:
    """Return the exporter's own series of the checks, for the textfile collector of the node exporter.

    Source: https://prometheus.io/docs/instrumenting/exposition_formats/ (text format 0.0.4)
    """
    from exporter.render.exposition import render
    from exporter.settings import settings
    from exporter.source import AbsentError
    from exporter.sources.checks.source import read, series

    try:
        return render(series(read(settings()))).decode()
    except AbsentError:
        return ""


def _is_finite(metric: Metric) -> bool:
    return metric.value - metric.value == 0


FORMATS: dict[str, Callable[[Sequence[Row], str | None], str]] = {
    "zabbix": zabbix,
    "checkmk": checkmk,
    "icinga": icinga,
    "prometheus": prometheus,
}
