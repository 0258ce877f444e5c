"""What are the last verdicts of this node's checks? The exporter reads them and runs no check."""

from __future__ import annotations

from dataclasses import dataclass
from math import isnan
from typing import TYPE_CHECKING

from exporter.render.exposition import Family, measured
from exporter.source import AbsentError, Source
from vipwarden.core.result import OK
from vipwarden.state.standing import LEFT, standing
from vipwarden.state.table import mark
from vipwarden.state.verdict import DAMPENED, PANIC, read_all

if TYPE_CHECKING:
    from collections.abc import Iterator

    from exporter.render.exposition import Metric
    from exporter.settings import Settings
    from vipwarden.state.verdict import Verdict

_BY = ("name", "check")
_STATE = "0 OK, 1 WARNING, 2 CRITICAL, 3 UNKNOWN or no longer valid."
_SUCCESS = "Whether the last verdict is OK and still valid: only then keepalived takes the check as healthy."
_FRESH = "Whether the verdict is still valid: neither past its TTL nor dated into the future."
_MAINTENANCE = "Whether the check is in maintenance."
_CHANGING = "Whether the last results are against the state, but not yet often enough (rise, fall)."
_DAMPENED = "Whether keepalived is told that the check is down, as it flaps."
_PANIC = "Whether keepalived is told that the check is healthy, as its whole group fails."
_TTL = "Validity (TTL) of the last verdict in seconds; absent for one-shot runs."


@dataclass(frozen=True, slots=True)
class Checks:
    """The last verdict of each check."""

    verdicts: list[Verdict]


def read(settings: Settings) -> Checks:
    """Read all verdicts but leftovers; of two with the same name the younger counts."""
    known: dict[tuple[str, str], Verdict] = {}
    for path in settings.verdicts:
        for verdict in read_all(path):
            key = (verdict.name, verdict.check)
            if standing(verdict).word != LEFT and (key not in known or known[key].stamp < verdict.stamp):
                known[key] = verdict
    if not known:
        raise AbsentError(f"no check has published a verdict in {' or '.join(settings.verdicts)} yet")
    mark(known.values())
    return Checks(list(known.values()))


def series(facts: Checks) -> Iterator[Metric]:
    """Yield state, success, validity, age, TTL, duration and the metrics of each check."""
    rows = [((verdict.name, verdict.check), (verdict, standing(verdict))) for verdict in facts.verdicts]
    yield from measured(
        _BY,
        rows,
        ("vipwarden_check_state", "gauge", _STATE, lambda it: it[1].state),
        ("vipwarden_check_success", "gauge", _SUCCESS, lambda it: it[1].state == OK),
        ("vipwarden_check_fresh", "gauge", _FRESH, lambda it: it[1].is_valid),
        ("vipwarden_check_maintenance", "gauge", _MAINTENANCE, lambda it: bool(it[0].maintenance)),
        ("vipwarden_check_changing", "gauge", _CHANGING, lambda it: it[0].is_changing),
        ("vipwarden_check_dampened", "gauge", _DAMPENED, lambda it: it[0].told.startswith(DAMPENED)),
        ("vipwarden_check_panic", "gauge", _PANIC, lambda it: it[0].told.startswith(PANIC)),
        (
            "vipwarden_check_since_timestamp_seconds",
            "gauge",
            "Start of the current state, in seconds of the epoch.",
            lambda it: it[0].since,
        ),
        ("vipwarden_check_age_seconds", "gauge", "Time since the last run ended.", lambda it: it[0].age),
        ("vipwarden_check_promise_seconds", "gauge", _TTL, lambda it: it[0].ttl if it[0].ttl > 0 else None),
        ("vipwarden_check_duration_seconds", "gauge", "Duration of the last run.", lambda it: it[0].duration),
    )
    metric = Family("vipwarden_check_metric", "gauge", "Value that the check measured.", (*_BY, "metric", "unit"))
    for labels, (verdict, now) in rows:
        for value in verdict.result.metrics if now.is_valid else ():
            if not isnan(value.value):
                metric.add(value.value, *labels, value.name, value.uom)
    yield metric


SOURCE = Source("checks", read, series, title="Checks", place=30)
