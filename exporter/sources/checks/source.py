"""What did the checks of this node say last? The exporter reads their verdicts and runs no check."""

from __future__ import annotations

from dataclasses import dataclass
from math import isnan
from typing import TYPE_CHECKING

from exporter.render.exposition import Family
from exporter.source import AbsentError, Source
from vipwarden.core.result import OK
from vipwarden.state.standing import LEFT, standing
from vipwarden.state.verdict import read_all

if TYPE_CHECKING:
    from collections.abc import Iterator

    from exporter.render.exposition import Metric
    from exporter.settings import Settings
    from vipwarden.state.verdict import Verdict

_BY = ("name", "check")


@dataclass(frozen=True, slots=True)
class Checks:
    """The last verdict of each check."""

    verdicts: list[Verdict]


def read(settings: Settings) -> Checks:
    """Read every verdict that is not a leftover; of two with the same name the younger counts."""
    found: dict[tuple[str, str], Verdict] = {}
    for path in settings.verdicts:
        for verdict in read_all(path):
            key = (verdict.name, verdict.check)
            if standing(verdict).word != LEFT and (key not in found or found[key].stamp < verdict.stamp):
                found[key] = verdict
    if not found:
        raise AbsentError(f"no check has published a verdict in {' or '.join(settings.verdicts)} yet")
    return Checks(list(found.values()))


def series(facts: Checks) -> Iterator[Metric]:
    """Yield state, success, validity, age, TTL, duration and the metrics of each check."""
    state = Family("vipwarden_check_state", "gauge", "0 OK, 1 WARNING, 2 CRITICAL, 3 UNKNOWN or no longer valid.", _BY)
    success = Family(
        "vipwarden_check_success",
        "gauge",
        "Whether the last verdict is OK and still valid: only then keepalived takes the check as healthy.",
        _BY,
    )
    fresh = Family(
        "vipwarden_check_fresh",
        "gauge",
        "Whether the verdict is still valid: neither past its TTL nor dated into the future.",
        _BY,
    )
    since = Family(
        "vipwarden_check_since_timestamp_seconds", "gauge", "Start of the current state, in seconds of the epoch.", _BY
    )
    age = Family("vipwarden_check_age_seconds", "gauge", "Time since the last run ended.", _BY)
    ttl = Family(
        "vipwarden_check_promise_seconds",
        "gauge",
        "Validity (TTL) of the last verdict in seconds; absent for one-shot runs.",
        _BY,
    )
    duration = Family("vipwarden_check_duration_seconds", "gauge", "Duration of the last run.", _BY)
    metric = Family(
        "vipwarden_check_metric", "gauge", "Value that the check measured in its last run.", (*_BY, "metric", "unit")
    )
    for verdict in facts.verdicts:
        now = standing(verdict)
        state.add(now.state, verdict.name, verdict.check)
        success.add(now.state == OK, verdict.name, verdict.check)
        fresh.add(now.is_valid, verdict.name, verdict.check)
        since.add(verdict.since, verdict.name, verdict.check)
        age.add(verdict.age, verdict.name, verdict.check)
        if verdict.ttl > 0:
            ttl.add(verdict.ttl, verdict.name, verdict.check)
        duration.add(verdict.duration, verdict.name, verdict.check)
        for measured in verdict.result.metrics if now.is_valid else ():
            if not isnan(measured.value):
                metric.add(measured.value, verdict.name, verdict.check, measured.name, measured.uom)
    yield from (state, success, fresh, since, age, ttl, duration, metric)


SOURCE = Source("checks", read, series, title="Checks", place=30)
