"""How are sources read, so that a slow or failing source costs only its own series?

Each source is read in a thread. A reading that exceeds the timeout is abandoned, and the source is not read again until
that thread ends. Facts are never kept: after a failure there are no series, rather than old ones.
"""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field, replace
from math import inf
from time import monotonic
from typing import TYPE_CHECKING, Any
from weakref import WeakValueDictionary

from exporter.process import process
from exporter.render.exposition import Family, sample
from exporter.source import AbsentError, Outcome
from exporter.tasks import shared
from vipwarden.core.result import one_line
from vipwarden.core.thread import in_thread

if TYPE_CHECKING:
    from collections.abc import Callable, Container, Iterable, Sequence
    from threading import Thread

    from exporter.render.exposition import Metric
    from exporter.settings import Settings
    from exporter.source import Source

STEP = 30.0  # seconds between two samples of a history
_SPARING = 30.0  # seconds between two requests of pages to a source that logs them
_SUCCESS = "Whether the source was read: 1 also where this node has no such source, 0 on failure."
_DURATION = "Time taken to read the source."


class Collected(list[Outcome]):
    """The outcomes of one collection; its readers share its texts as well."""

    def __init__(self, outcomes: Iterable[Outcome]) -> None:
        super().__init__(outcomes)
        self._written: dict[object, asyncio.Task[bytes]] = {}

    async def written(self, form: object, write: Callable[[Collected], bytes], lane: asyncio.Lock) -> bytes:
        """Return it in a form, written once, in a thread; on a lane one text is written at a time."""

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
    """The sources of one exporter; ``say`` takes a line for the log, ``tell`` what fails, and why, or "" at its end."""

    settings: Settings
    sources: Sequence[Source[Any]]
    say: Callable[[str], None] = _ignore
    tell: Callable[[str, str], None] = _ignore
    _collections: dict[object, asyncio.Task[Collected]] = field(default_factory=dict)
    _runs: dict[object, asyncio.Task[Outcome]] = field(default_factory=dict)
    _left: dict[object, Thread] = field(default_factory=dict)
    _alive: WeakValueDictionary[object, Collected] = field(default_factory=WeakValueDictionary)
    _failing: dict[str, str] = field(default_factory=dict)
    _begun: dict[str, float] = field(default_factory=dict)

    async def collect(
        self, names: Container[str] | None = None, seconds: float = inf, *, sparing: bool = False
    ) -> Collected:
        """Read all sources or those named, within ``seconds``; ``sparing`` asks bothered sources less often.

        Simultaneous callers share readings, and collections of the same sources; neither the end nor the deadline of
        a caller affects the others.
        """
        wanted = [source for source in self.sources if names is None or source.name in names]
        seconds = min(seconds, self.settings.timeout)
        key = (seconds, sparing, *(source.name for source in wanted))
        task = shared(self._collections, key, lambda: self._collect(wanted, seconds, sparing=sparing))
        return await asyncio.shield(task)

    async def _collect(self, wanted: Sequence[Source[Any]], seconds: float, *, sparing: bool) -> Collected:
        """Return the same object to all callers with the same outcomes."""
        begun = monotonic()
        runs = await asyncio.gather(*(self._wait(source, seconds, sparing and source.bothered) for source in wanted))
        pairs = list(zip(wanted, runs, strict=True))
        key = tuple((source.name, id(outcome) if outcome else 0) for source, outcome in pairs)
        collected = self._alive.get(key)
        if collected is None:
            took = monotonic() - begun
            whole = (outcome or Outcome(source, took, failure=_late(seconds)) for source, outcome in pairs)
            collected = self._alive[key] = Collected(whole)
        return collected

    async def _wait(self, source: Source[Any], seconds: float, sparing: bool) -> Outcome | None:
        """Return the outcome of a reading, None if it takes longer."""
        run = shared(self._runs, (source.name, sparing), lambda: self._run(source, sparing))
        own = seconds >= self.settings.timeout  # the run's own deadline
        done, _ = await asyncio.wait({run}, timeout=None if own else seconds)
        return run.result() if done else None

    async def keep(self, step: float) -> None:
        """Read every ``step`` seconds the sources with a history that nobody else has read meanwhile; never returns."""
        while True:
            await asyncio.sleep(step)
            old = monotonic() - step
            if names := [it.name for it in self.sources if it.remembers and self._begun.get(it.name, 0.0) < old]:
                await self.collect(names)

    async def _run(self, source: Source[Any], sparing: bool) -> Outcome:
        begun, key = monotonic(), (source.name, sparing)
        self._begun[source.name] = begun
        if key in self._left and self._left[key].is_alive():
            return Outcome(source, 0, failure="still busy with the request before")
        settings = self.settings
        if sparing:
            settings = replace(settings, keepalived_interval=max(settings.keepalived_interval, _SPARING))
        try:
            future, self._left[key] = in_thread(lambda: _outcome(source, settings, begun))
            async with asyncio.timeout(settings.timeout):
                outcome = await future
            del self._left[key]  # it has answered, though its thread may not have ended yet
        except TimeoutError:
            outcome = Outcome(source, monotonic() - begun, failure=_late(settings.timeout))
        except RuntimeError as error:  # no thread can be started
            outcome = Outcome(source, 0, failure=str(error))
        self.note(source.name, outcome.failure)
        return outcome

    def note(self, name: str, failure: str, what: str = "") -> None:
        """Log and tell the begin and the end of a failure of a source, or of ``what`` of it."""
        whose = f"{what}collector {name}"
        before = self._failing.get(whose, "")
        self._failing[whose] = failure
        if bool(failure) is not bool(before):
            self.tell(whose, failure)
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
        return Outcome(source, monotonic() - begun, failure=_text(error))
    # facts of several instances may have failures
    return Outcome(source, monotonic() - begun, facts, getattr(facts, "failure", ""))


def _text(error: Exception) -> str:
    return one_line(str(error)) or type(error).__name__


def families(
    outcomes: Iterable[Outcome], version: str, own: Iterable[Metric] = (), note: Callable[..., None] = _ignore
) -> list[Metric]:
    """Return all metrics of a scrape: the exporter's own, then those of each source; ``note`` is Frame.note()."""
    build = sample("vipwarden_build_info", "gauge", "Version of vipwarden; the value is always 1.", 1, version=version)
    success = Family("vipwarden_scrape_collector_success", "gauge", _SUCCESS, ("collector",))
    duration = Family("vipwarden_scrape_collector_duration_seconds", "gauge", _DURATION, ("collector",))
    metrics: list[Metric] = [build, success, duration, *own, *process()]
    for outcome in outcomes:
        source, is_read = outcome.source, not outcome.failure
        series: list[Metric] = []
        if outcome.facts is not None or not (outcome.failure or outcome.absence):
            failure = ""
            try:
                series = list(source.series(outcome.facts))
            except Exception as error:  # noqa: BLE001 - a bug in one source must not cost the others their series
                is_read, failure = False, _text(error)
            note(source.name, failure, "series of ")
        success.add(is_read, source.name)
        duration.add(outcome.seconds, source.name)
        has_up = any(family.name == source.up for family in series)  # one for each instance
        if source.up and not outcome.absence and not has_up:
            metrics.append(sample(source.up, "gauge", "Whether the source could be read; absent without it.", is_read))
        metrics += series
    return metrics
