"""How are the sources read, so that a slow or failing source costs only its own series?

Each source is read in a thread of its own, never on the event loop. A reading that exceeds the timeout is given up; the
source is not asked again before that thread has ended. Facts are never kept: a failure has no series instead of old
ones. Series are written for scrapes alone, views for pages alone.
"""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field, replace
from math import inf
from time import monotonic
from typing import TYPE_CHECKING, Any
from weakref import WeakValueDictionary

from exporter.process import process
from exporter.render.exposition import Family
from exporter.source import AbsentError, Outcome
from exporter.tasks import in_thread, shared
from vipwarden.core.result import one_line

if TYPE_CHECKING:
    from collections.abc import Callable, Container, Iterable, Sequence
    from threading import Thread

    from exporter.render.exposition import Metric
    from exporter.settings import Settings
    from exporter.source import Source

_SPARING = 30.0  # seconds between two questions of a page to a source that is bothered by them


class Collected(list[Outcome]):
    """The outcomes of one collection; who shares it shares what is written of it as well."""

    def __init__(self, outcomes: Iterable[Outcome]) -> None:
        super().__init__(outcomes)
        self._written: dict[object, asyncio.Task[bytes]] = {}

    async def written(self, form: object, write: Callable[[Collected], bytes], lane: asyncio.Lock) -> bytes:
        """Return it in one form, written in a thread and once only; on one lane one is written after the other."""

        async def work() -> bytes:
            async with lane:
                return await in_thread(lambda: write(self))[0]

        if form not in self._written:
            self._written[form] = asyncio.create_task(work())
        return await asyncio.shield(self._written[form])


def _ignore(*_: str) -> None:
    """Say nothing."""


@dataclass(slots=True)
class Frame:
    """The sources of one exporter; ``say`` takes a line for the log."""

    settings: Settings
    sources: Sequence[Source[Any]]
    say: Callable[[str], None] = _ignore
    _collections: dict[object, asyncio.Task[Collected]] = field(default_factory=dict)
    _runs: dict[object, asyncio.Task[Outcome]] = field(default_factory=dict)
    _left: dict[object, Thread] = field(default_factory=dict)
    _alive: WeakValueDictionary[object, Collected] = field(default_factory=WeakValueDictionary)
    _failing: dict[str, str] = field(default_factory=dict)

    async def collect(
        self, names: Container[str] | None = None, seconds: float = inf, *, sparing: bool = False
    ) -> Collected:
        """Read all sources, or those named, within ``seconds``; ``sparing`` asks bothered sources less often.

        Callers that overlap share readings, and whole collections where they ask for the same. The first caller may
        leave; no deadline of one caller cuts short what another waits for.
        """
        wanted = [source for source in self.sources if names is None or source.name in names]
        seconds = min(seconds, self.settings.timeout)
        key = (seconds, sparing, *(source.name for source in wanted))
        task = shared(self._collections, key, lambda: self._collect(wanted, seconds, sparing=sparing))
        return await asyncio.shield(task)

    async def _collect(self, wanted: Sequence[Source[Any]], seconds: float, *, sparing: bool) -> Collected:
        """Return one object for all callers who see the same outcomes, as long as one of them holds it."""
        begun = monotonic()
        found = await asyncio.gather(*(self._wait(source, seconds, sparing and source.bothered) for source in wanted))
        key = tuple((source.name, id(outcome) if outcome else 0) for source, outcome in zip(wanted, found, strict=True))
        collected = self._alive.get(key)
        if collected is None:
            took = monotonic() - begun
            whole = [
                outcome or Outcome(source, took, failure=_late(seconds))
                for source, outcome in zip(wanted, found, strict=True)
            ]
            collected = self._alive[key] = Collected(whole)
        return collected

    async def _wait(self, source: Source[Any], seconds: float, sparing: bool) -> Outcome | None:
        """Return the outcome of a reading, or None where it comes later than that."""
        run = shared(self._runs, (source.name, sparing), lambda: self._run(source, sparing))
        own = seconds >= self.settings.timeout  # which the run keeps itself
        done, _ = await asyncio.wait({run}, timeout=None if own else seconds)
        return run.result() if done else None

    async def _run(self, source: Source[Any], sparing: bool) -> Outcome:
        begun, key = monotonic(), (source.name, sparing)
        if key in self._left and self._left[key].is_alive():
            return Outcome(source, 0, failure="still busy with what it was asked before")
        settings = self.settings
        if sparing:
            settings = replace(settings, keepalived_interval=max(settings.keepalived_interval, _SPARING))
        try:
            future, self._left[key] = in_thread(lambda: _outcome(source, settings, begun))
            async with asyncio.timeout(settings.timeout):
                outcome = await future
            del self._left[key]  # it has answered, though its thread may yet be about to end
        except TimeoutError:
            outcome = Outcome(source, monotonic() - begun, failure=_late(settings.timeout))
        except RuntimeError as error:  # no thread can be started
            outcome = Outcome(source, 0, failure=str(error))
        self.tell(source.name, outcome.failure)
        return outcome

    def tell(self, name: str, failure: str, what: str = "") -> None:
        """Log a failure of a source, or of ``what`` of it, once; and its end."""
        whose = f"{what}collector {name}"
        before = self._failing.get(whose, "")
        self._failing[whose] = failure
        if failure and failure != before:
            self.say(f"{whose} failed: {failure}")
        elif before and not failure:
            self.say(f"{whose} works again")


def _late(seconds: float) -> str:
    return f"no answer within {seconds:g} s"


def _outcome(source: Source[Any], settings: Settings, begun: float) -> Outcome:
    try:
        facts = source.read(settings)
    except AbsentError as error:
        return Outcome(source, monotonic() - begun, absence=one_line(str(error)))
    except Exception as error:  # noqa: BLE001 - a bug in one source must not cost the others their series
        return Outcome(source, monotonic() - begun, failure=_said(error))
    # a source of several instances tells here which of them it could not read
    return Outcome(source, monotonic() - begun, facts, getattr(facts, "failure", ""))


def _said(error: Exception) -> str:
    return one_line(str(error)) or type(error).__name__


def families(
    outcomes: Iterable[Outcome], version: str, own: Iterable[Metric] = (), tell: Callable[..., None] = _ignore
) -> list[Metric]:
    """Return all metrics of a scrape: the exporter's own, then those of each source.

    ``tell`` is told of each source whether its series could be written, see Frame.tell().
    """
    build = Family("vipwarden_build_info", "gauge", "Version of vipwarden; the value is always 1.", ("version",))
    build.add(1, version)
    success = Family(
        "vipwarden_scrape_collector_success",
        "gauge",
        "Whether the source was read: 1 also where this node has no such source, 0 on failure.",
        ("collector",),
    )
    duration = Family(
        "vipwarden_scrape_collector_duration_seconds", "gauge", "Time taken to read the source.", ("collector",)
    )
    found: list[Metric] = [build, success, duration, *own, *process()]
    for outcome in outcomes:
        source, is_read = outcome.source, not outcome.failure
        series: list[Metric] = []
        if outcome.facts is not None or not (outcome.failure or outcome.absence):
            try:
                series = list(source.series(outcome.facts))
            except Exception as error:  # noqa: BLE001 - a bug in one source must not cost the others their series
                is_read = False
                tell(source.name, _said(error), "series of ")
            else:
                tell(source.name, "", "series of ")
        success.add(is_read, source.name)
        duration.add(outcome.seconds, source.name)
        has_up = any(family.name == source.up for family in series)  # one for each instance
        if source.up and not outcome.absence and not has_up:
            up = Family(source.up, "gauge", "Whether the source could be read; absent where there is none.")
            up.add(is_read)
            found.append(up)
        found += series
    return found
