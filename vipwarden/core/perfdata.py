"""Which numbers does a Nagios plugin print?

``'label'=value[UOM];[warn];[crit];[min];[max]``, by the Monitoring Plugins guidelines. Values come in base units.
"""

from __future__ import annotations

from vipwarden.core.result import Metric, Range, one_line

_MOST = 100  # numbers of one plugin
_UNITS = {
    "": ("", 1.0), "s": ("s", 1.0), "ms": ("s", 1e-3), "us": ("s", 1e-6), "%": ("%", 1.0), "c": ("c", 1.0),
    "b": ("B", 1.0), "kb": ("B", 2.0**10), "mb": ("B", 2.0**20), "gb": ("B", 2.0**30), "tb": ("B", 2.0**40),
}  # fmt: skip
_DIGITS = "0123456789.+-"


def perfdata(text: str) -> list[Metric]:
    """Return the metrics of a text, at most a hundred; what is none is left out."""
    metrics: dict[str, Metric] = {}
    rest = text.strip()
    while rest and len(metrics) < _MOST:
        label, rest = _label(rest)
        word, _, rest = rest.partition(" ")
        rest = rest.lstrip()
        metric = _metric(one_line(label, 60), word) if label else None
        if metric is not None:
            metrics.setdefault(metric.name, metric)
    return list(metrics.values())


def _label(text: str) -> tuple[str, str]:
    """Return a label and what stands behind its equals sign; no label where there is none, and the next word."""
    if text.startswith("'"):
        label, end, rest = text[1:].replace("''", "\0").partition("'")
        label, rest = label.replace("\0", "'"), rest.replace("\0", "''")
        return (label, rest[1:]) if end and rest.startswith("=") else ("", text[1:])
    label, equals, rest = text.partition("=")
    return (label, rest) if equals and " " not in label else ("", text)


def _metric(name: str, word: str) -> Metric | None:
    value, *limits = word.split(";")
    number = value.rstrip("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ%")
    unit = _UNITS.get(value[len(number) :].lower())
    found = _number(number)
    if unit is None or found is None:
        return None
    uom, factor = unit
    warn, crit, least, most, *_ = (*limits, "", "", "", "")
    bounds = [bound * factor if bound is not None else None for bound in map(_number, (least, most))]
    ranges = [_range(text, factor) for text in (warn, crit)]
    return Metric(name, found * factor, uom, warn=ranges[0], crit=ranges[1], minimum=bounds[0], maximum=bounds[1])


def _number(text: str) -> float | None:
    # float() alone would take nan, inf and 1_000 as well
    if not text or len(text) > 30 or text.strip(_DIGITS):
        return None
    try:
        return float(text)
    except ValueError:
        return None


def _range(text: str, factor: float) -> Range | None:
    try:
        limits = Range(text)
    except ValueError:
        return None
    limits.start *= factor
    limits.end *= factor
    return limits
