"""What did each check say last, and does it still count?"""

from __future__ import annotations

from time import time
from typing import TYPE_CHECKING

from exporter.render.view import Cell, Problem, Row, is_wrong, key
from exporter.render.words import Mark, count, moment, size, span
from vipwarden.core.result import one_line
from vipwarden.state.standing import FUTURE, STALE, standing

if TYPE_CHECKING:
    from vipwarden.core.result import Metric
    from vipwarden.state.verdict import Verdict

_UNBELIEVED = {FUTURE: Mark("unknown", "not credible"), STALE: Mark("unknown", "stale")}
_MARKS = (Mark("good", "OK"), Mark("warn", "WARNING"), Mark("bad", "CRITICAL"), Mark("unknown", "UNKNOWN"))


def check_row(verdict: Verdict) -> Row:
    """Show a verdict; one that no longer counts is unknown."""
    now = standing(verdict)
    mark, words, age = _UNBELIEVED.get(now.word, _MARKS[now.state]), now.text, verdict.age
    cells = (
        Cell(words, items=[_measured(one) for one in verdict.result.metrics[:64]]),
        Cell(span(max(0.0, time() - verdict.since)), moment(verdict.since)),
        Cell(span(age)),
        Cell(_duration(verdict.duration)),
    )
    under = verdict.check if verdict.check != verdict.name else ""
    return Row(
        key("check", verdict.name, verdict.check),
        mark,
        one_line(verdict.name.encode("utf-8", "replace").decode(), 200),
        under,
        cells=cells,
    )


def problems(rows: list[Row]) -> list[Problem]:
    """Return what does not say OK."""
    return [Problem(row.mark, row.name, row.cells[0].text, row.key) for row in rows if is_wrong(row.mark)]


def _measured(metric: Metric) -> str:
    value, unit = metric.value, metric.uom
    if unit == "B" and value >= 0:
        text = size(value)
    elif unit == "s":
        text = _duration(value)
    else:
        text = f"{count(value) if abs(value) >= 10000 and value == value // 1 else f'{value:.4g}'} {unit}".rstrip()
    return f"{metric.name} {text}"


def _duration(seconds: float) -> str:
    return (
        f"{seconds * 1000:.3g} ms" if 0 <= seconds < 1 else f"{seconds:.1f} s" if 0 <= seconds < 10 else span(seconds)
    )
