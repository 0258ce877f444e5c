"""Which maintenance of this node's checks is there, until when, by whom and why? And which hand-over of its VIPs?"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from exporter.render.exposition import measured
from exporter.source import AbsentError, Source
from vipwarden.state.clock import wall
from vipwarden.state.handover import read_all as handed_over
from vipwarden.state.maintained import read_all

if TYPE_CHECKING:
    from collections.abc import Iterator

    from exporter.render.exposition import Metric
    from exporter.settings import Settings
    from vipwarden.state.handover import Handover
    from vipwarden.state.maintenance import Maintenance

_BY = ("kind", "name", "by", "reason")
_NOW = "A maintenance of a check, of the checks of a host, or of all (kind); the value is always 1."
_UNTIL = "When the maintenance ends, in seconds of the epoch."
_SINCE = "When the maintenance began, in seconds of the epoch."
_HANDED = (
    "Whether this node has given the VIPs of a VRRP instance to a peer by vipwarden handover; the value is always 1."
)
_HANDED_SINCE = "When the VIPs were handed over, in seconds of the epoch."


@dataclass(frozen=True, slots=True)
class Records:
    """The records that are valid now, and the hand-overs in force."""

    records: list[Maintenance]
    handovers: list[Handover]


def read(_settings: Settings) -> Records:
    """Read the records of this user and of root, and the track files of hand-overs."""
    records = [record for record in read_all() if record.left > 0]
    handovers = handed_over()
    if not records and not handovers:
        raise AbsentError("nothing is in maintenance")
    return Records(sorted(records, key=lambda record: (record.kind, record.name, record.by)), handovers)


def series(facts: Records) -> Iterator[Metric]:
    """Yield each record with its begin and its end, and each hand-over with its begin."""
    rows = [((record.kind, record.name, record.by, record.reason), record) for record in facts.records]
    yield from measured(
        _BY,
        rows,
        ("vipwarden_maintenance", "gauge", _NOW, lambda _: 1),
        ("vipwarden_maintenance_since_timestamp_seconds", "gauge", _SINCE, lambda it: it.since),
        ("vipwarden_maintenance_until_timestamp_seconds", "gauge", _UNTIL, lambda it: round(wall() + it.left, 1)),
    )
    yield from measured(
        ("iname",),
        [((it.instance,), it) for it in facts.handovers],
        ("vipwarden_handover", "gauge", _HANDED, lambda _: 1),
        ("vipwarden_handover_since_timestamp_seconds", "gauge", _HANDED_SINCE, lambda it: it.since),
    )


SOURCE = Source("maintenance", read, series, title="Maintenance", place=28)
