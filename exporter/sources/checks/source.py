"""What did the checks of this node say last? The exporter reads what was published and never runs a check."""

from __future__ import annotations

from dataclasses import dataclass
from math import isnan
from typing import TYPE_CHECKING

from exporter.frame import AbsentError, Collector
from exporter.render.exposition import Family
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
    """Read every verdict that is not left over; where two folders have one of the same name, the younger counts."""
    found: dict[tuple[str, str], Verdict] = {}
    for path in settings.verdicts:
        for verdict in read_all(path):
            key = (verdict.name, verdict.check)
            if standing(verdict).word != LEFT and (key not in found or found[key].stamp < verdict.stamp):
                found[key] = verdict
    if not found:
        raise AbsentError(f"no check has published a verdict in {' or '.join(settings.verdicts)} yet")
    return Checks(list(found.values()))


def families(facts: Checks) -> Iterator[Metric]:
    """Yield state, success, whether that still counts, since when, age, promise, duration and metrics of each check."""
    state = Family(
        "vipwarden_check_state", "gauge", "0 OK, 1 WARNING, 2 CRITICAL, 3 UNKNOWN, also where it is not fresh.", _BY
    )
    success = Family(
        "vipwarden_check_success",
        "gauge",
        "Whether the last run said OK, which alone is healthy to keepalived, and still counts.",
        _BY,
    )
    fresh = Family(
        "vipwarden_check_fresh",
        "gauge",
        "Whether the verdict still counts: not where it is older than was promised, or dated into the future.",
        _BY,
    )
    since = Family(
        "vipwarden_check_since_timestamp_seconds", "gauge", "Since when the check has been in its state.", _BY
    )
    age = Family("vipwarden_check_age_seconds", "gauge", "How long ago the check ended its last run.", _BY)
    promise = Family(
        "vipwarden_check_promise_seconds",
        "gauge",
        "For how long the last run speaks at most; absent where nobody promised another one.",
        _BY,
    )
    duration = Family("vipwarden_check_duration_seconds", "gauge", "How long the last run of the check took.", _BY)
    metric = Family(
        "vipwarden_check_metric", "gauge", "What the check measured in its last run.", (*_BY, "metric", "unit")
    )
    for verdict in facts.verdicts:
        now = standing(verdict)
        state.add(now.state, verdict.name, verdict.check)
        success.add(now.state == OK, verdict.name, verdict.check)
        fresh.add(now.is_valid, verdict.name, verdict.check)
        since.add(verdict.since, verdict.name, verdict.check)
        age.add(verdict.age, verdict.name, verdict.check)
        if verdict.ttl > 0:
            promise.add(verdict.ttl, verdict.name, verdict.check)
        duration.add(verdict.duration, verdict.name, verdict.check)
        for one in verdict.result.metrics if now.is_valid else ():
            if not isnan(one.value):
                metric.add(one.value, verdict.name, verdict.check, one.name, one.uom)
    yield from (state, success, fresh, since, age, promise, duration, metric)


COLLECTOR = Collector("checks", read, families)
