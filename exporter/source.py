"""What is a source? What a folder below exporter/sources/ says of itself, and what came of reading it.

The folder has, as a package:

- ``source.py`` with ``SOURCE``: name, title, how to read it and its series;
- ``view.py`` with the class ``View`` and ``section.html``, its template, where the page shows it;
- ``example.py`` with ``FACTS`` of a node that has everything: docs/metrics.md lists the series that they give.

Nothing else names a source: the registry and the page find it by its folder.
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
    """This node has no such source, such as a node without HAProxy: no failure, and no series."""


@dataclass(frozen=True, slots=True)
class Source(Generic[Facts]):
    """``read`` returns the facts of the source or raises; ``series`` writes their metrics.

    ``up`` is the name of its 0/1 series. A ``bothered`` source (keepalived) logs each question, so pages ask it less
    often than scrapes. ``title`` names it on the page, where sources stand by ``place`` and name.
    """

    name: str
    read: Callable[[Settings], Facts]
    series: Callable[[Facts], Iterable[Metric]]
    up: str = ""
    bothered: bool = False
    title: str = ""
    place: int = 100


@dataclass(frozen=True, slots=True)
class Outcome:
    """The result of one reading: facts, or why it failed, or why there is nothing to read.

    ``seconds`` is how long it took, ``when`` its end on the clock of monotonic().
    """

    source: Source[Any]
    seconds: float
    facts: Any = None
    failure: str = ""
    absence: str = ""
    when: float = field(default_factory=monotonic)


class Look:
    """One look at the node, as the views see it: outcomes by name, settings, the room on the page, and the peers."""

    def __init__(
        self, outcomes: Sequence[Outcome], settings: Settings, room: Room, peers: Sequence[Sight] = ()
    ) -> None:
        self.outcomes = {outcome.source.name: outcome for outcome in outcomes}
        self.peers = peers
        self.settings = settings
        self.room = room

    def facts(self, name: str) -> Any:
        """Return the facts of a source, None where there are none."""
        return self.outcomes[name].facts if name in self.outcomes else None


class View(Protocol):
    """Shows one source; what has to be known from one look to the next is kept in it."""

    def show(self, look: Look) -> Section:
        """Return its section."""
