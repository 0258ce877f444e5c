"""How does the page show the verdicts of the checks?"""

from __future__ import annotations

from time import time
from typing import TYPE_CHECKING

from exporter.render.model import CHECK, FEW_TOLD, MINOR, Cell, Column, Problem, Row, Section, is_wrong, key, named
from exporter.render.table import Table
from exporter.render.words import SEVERITY, Mark, count, lasting, moment, size, span
from vipwarden.core.result import one_line
from vipwarden.state.standing import FUTURE, STALE, standing
from vipwarden.state.verdict import PANIC

if TYPE_CHECKING:
    from collections.abc import Iterator

    from exporter.source import Look
    from vipwarden.core.result import Metric
    from vipwarden.state.standing import Standing
    from vipwarden.state.verdict import Verdict

    Item = tuple[Verdict, Standing]

_NOT_VALID = {FUTURE: Mark("unknown", "not credible"), STALE: Mark("unknown", "stale")}
_MARKS = (Mark("good", "OK"), Mark("warn", "WARNING"), Mark("bad", "CRITICAL"), Mark("unknown", "UNKNOWN"))
_MOST_METRICS = 64


class View:
    """Shows the verdicts."""

    def show(self, look: Look) -> Section:
        """Return the section; a verdict that is not valid is unknown."""
        facts = look.facts("checks")
        items = [(verdict, standing(verdict)) for verdict in facts.verdicts] if facts else []
        items.sort(key=lambda item: SEVERITY[_mark(item).tone])
        rows = look.room.listing(items, _mark, _names, _TABLE.order(look.room))
        wrong = [item for item in items if is_wrong(_mark(item))]
        problems = list(_problems([item for item in wrong if item[0].name not in _told(look)]))
        values = {"checks": _TABLE.listing("checks", "What each check said last", rows)}
        return Section(values, problems, [("Checks OK", sum(_mark(item).tone == "good" for item in items), len(items))])


def _told(look: Look) -> set[str]:
    """Return the names of the verdicts of scripts that are BAD: those say it."""
    vips, vrrp = look.facts("vip"), look.facts("vrrp")
    return {vips.verdicts.get(it.name, "") for it in vrrp.scripts if it.status == 0} if vips and vrrp else set()


def _problems(wrong: list[Item]) -> Iterator[Problem]:
    """Yield a problem for each, but one for many that are stale: their agent is the cause."""
    stale = [item for item in wrong if item[1].word == STALE]
    if len(stale) > FEW_TOLD:
        text = f"{named([_name(item) for item in stale])}: no verdict in time; does the agent run?"
        yield Problem(_NOT_VALID[STALE], f"{count(len(stale))} checks", text, "checks", CHECK)
    for item in wrong:
        if item not in stale or len(stale) <= FEW_TOLD:
            mark = _mark(item)
            yield Problem(mark, _name(item), item[1].text, _key(item), CHECK if mark.tone == "bad" else MINOR)


def _mark(item: Item) -> Mark:
    verdict, now = item
    mark = _NOT_VALID.get(now.word, _MARKS[now.state])
    if verdict.maintenance and now.is_valid:
        return Mark("maint", f"{mark.word}, maintenance")
    if verdict.held and now.is_valid:
        how = "held" if verdict.told.startswith(PANIC) else "held down"
        return Mark(mark.tone if is_wrong(mark) else "warn", f"{mark.word}, {how}")
    return mark


def _name(item: Item) -> str:
    return one_line(item[0].name.encode("utf-8", "replace").decode(), 200)


def _under(item: Item) -> str:
    return item[0].check if item[0].check != item[0].name else ""


def _names(item: Item) -> tuple[str, str, str]:
    return _name(item), _under(item), item[1].text


def _key(item: Item) -> str:
    return key("check", item[0].name, item[0].check)


def _row(item: Item) -> Row:
    return Row(_key(item), _mark(item), _name(item), _under(item))


def _last_words(item: Item) -> Cell:
    return Cell(item[1].text, items=[_measured(metric) for metric in item[0].result.metrics[:_MOST_METRICS]])


def _since(item: Item) -> Cell:
    return Cell(lasting(item[0].since, time()), moment(item[0].since))


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


_TABLE = Table(
    "checks",
    "Check",
    Column("Last words", "text", _last_words),
    Column("Since", "number wide", _since, lambda item: item[0].since),
    Column("Age", "number", lambda item: Cell(span(item[0].age)), lambda item: item[0].age),
    Column("Duration", "number", lambda item: Cell(_duration(item[0].duration)), lambda item: item[0].duration),
    row=_row,
)
