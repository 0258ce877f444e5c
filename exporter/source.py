"""What is a source? A package in exporter/sources/, which the registry and the page find by its folder.

- ``source.py`` has ``SOURCE``: name, title, how to read it, and its series;
- ``view.py`` has the class ``View`` and ``section.html`` its template, if the page shows it;
- ``example.py`` has ``FACTS`` of a node that has everything, for docs/metrics.md.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from time import monotonic
from typing import TYPE_CHECKING, Any, Generic, Protocol, TypeVar

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence

    from exporter.peers import Sight
    from exporter.render.exposition import Metric
    from exporter.render.model import Room, Section
    from exporter.settings import Settings

Facts = TypeVar("Facts")


class AbsentError(Exception):
    """This node has no such source: no failure, and no series."""


@dataclass(frozen=True, slots=True)
class Source(Generic[Facts]):
    """``read`` returns the facts of the source or raises; ``series`` writes their metrics.

    ``up`` is the name of its 0/1 series. A ``bothered`` source (keepalived) logs each request: pages ask it less
    often than scrapes. One that ``remembers`` has a history, and is read in the background where nobody else does. The
    page has sources by ``place`` and name.
    """

    name: str
    read: Callable[[Settings], Facts]
    series: Callable[[Facts], Iterable[Metric]]
    up: str = ""
    bothered: bool = False
    remembers: bool = False
    title: str = ""
    place: int = 100


@dataclass(frozen=True, slots=True)
class Outcome:
    """The result of a reading: facts, or why it failed, or why there is nothing to read.

    ``seconds`` is its duration, ``when`` its end on the monotonic clock.
    """

    source: Source[Any]
    seconds: float
    facts: Any = None
    failure: str = ""
    absence: str = ""
    when: float = field(default_factory=monotonic)


class Look:
    """What the views see of a node: outcomes by name, settings, the room on the page, and the peers."""

    def __init__(
        self, outcomes: Sequence[Outcome], settings: Settings, room: Room, peers: Sequence[Sight] = ()
    ) -> None:
        self.outcomes = {outcome.source.name: outcome for outcome in outcomes}
        self.peers = peers
        self.settings = settings
        self.room = room

    def facts(self, name: str) -> Any:
        """Return the facts of a source, or None."""
        return self.outcomes[name].facts if name in self.outcomes else None


class View(Protocol):
    """Shows a source; may keep what it needs for the next look."""

    def show(self, look: Look) -> Section:
        """Return its section."""
