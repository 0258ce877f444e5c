"""How many events of each kind were recorded?"""

from __future__ import annotations

from typing import TYPE_CHECKING

from exporter.render.exposition import Family
from exporter.source import AbsentError, Source
from vipwarden.events.read import there
from vipwarden.events.recorder import totals

if TYPE_CHECKING:
    from collections.abc import Iterator

    from exporter.render.exposition import Metric
    from exporter.settings import Settings

_HELP = "Events that the recorder has written, by their kind."


def read(settings: Settings) -> dict[str, int]:
    """Read what the recorder counts; raises OSError and ValueError."""
    try:
        return totals(there(settings.events))
    except FileNotFoundError:
        raise AbsentError(f"no recorder has written events in {' or '.join(settings.events)} yet") from None


def series(facts: dict[str, int]) -> Iterator[Metric]:
    """Yield the counter."""
    family = Family("vipwarden_events_total", "counter", _HELP, ("kind",))
    for kind, count in sorted(facts.items()):
        family.add(count, kind)
    yield family


SOURCE = Source("events", read, series)
