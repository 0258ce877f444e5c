"""How are the collectors run, so that a slow or failing source costs no more than its own series?

Each collector reads its source in a thread of its own, never on the event loop. One that does not end within the
timeout is given up, and not started again before its thread has ended. What a source says is never kept: a
failure has no series, in place of old ones.
"""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field, replace
from math import inf
from time import monotonic
from typing import TYPE_CHECKING, Any, Generic, TypeVar
from weakref import WeakValueDictionary

from exporter.http.tasks import in_thread, shared
from exporter.process import process
from exporter.render.exposition import Family
from vipwarden.core.result import one_line

if TYPE_CHECKING:
    from collections.abc import Callable, Container, Iterable, Sequence
    from threading import Thread

    from exporter.render.exposition import Metric
    from exporter.settings import Settings

Facts = TypeVar("Facts")


_SPARING = 30.0  # seconds between two questions of a page to who is bothered by them


class AbsentError(Exception):
    """This node has no such source, as a node without HAProxy: no failure, and no series."""


@dataclass(frozen=True, slots=True)
class Collector(Generic[Facts]):
    """A source: ``read`` returns its facts, or raises; ``families`` writes them; ``up`` names its 0/1 series.

    One that is ``bothered`` logs each question: keepalived. Pages, which ask on and on, ask it less often.
    """

    name: str
    read: Callable[[Settings], Facts]
    families: Callable[[Facts], Iterable[Metric]]
    up: str = ""
    bothered: bool = False


@dataclass(frozen=True, slots=True)
class Outcome:
    """What one run of a collector gave: facts and families, or why it failed, or why there is nothing to read.

    ``seconds`` is how long it took, ``when`` when it ended, on the clock of monotonic().
    """

    collector: Collector[Any]
    seconds: float
    facts: object = None
    families: Sequence[Metric] = ()
    failure: str = ""
    absence: str = ""
    when: float = field(default_factory=monotonic)


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


def _ignore(_: str) -> None:
    """Say nothing."""


@dataclass(slots=True)
class Frame:
    """The collectors of one exporter; ``say`` takes a line for the log."""

    settings: Settings
    collectors: Sequence[Collector[Any]]
    say: Callable[[str], None] = _ignore
    _collections: dict[object, asyncio.Task[Collected]] = field(default_factory=dict)
    _runs: dict[object, asyncio.Task[Outcome]] = field(default_factory=dict)
    _left: dict[object, Thread] = field(default_factory=dict)
    _alive: WeakValueDictionary[object, Collected] = field(default_factory=WeakValueDictionary)
    _failing: dict[str, str] = field(default_factory=dict)

    async def collect(
        self, names: Container[str] | None = None, seconds: float = inf, *, sparing: bool = False
    ) -> Collected:
        """Run every collector, or those named, for at most so many seconds; ``sparing`` those that are bothered.

        Who asks for the same while that is under way shares its outcome, and who asks for a part of it shares the
        runs of those collectors. Whoever asked first may leave, and nobody's deadline cuts short what others wait for.
        """
        wanted = [one for one in self.collectors if names is None or one.name in names]
        seconds = min(seconds, self.settings.timeout)
        key = (seconds, sparing, *(one.name for one in wanted))
        task = shared(self._collections, key, lambda: self._collect(wanted, seconds, sparing=sparing))
        return await asyncio.shield(task)

    async def _collect(self, wanted: Sequence[Collector[Any]], seconds: float, *, sparing: bool) -> Collected:
        """Return one and the same for all whose deadlines let them see the same outcomes, while one has it in hand."""
        begun = monotonic()
        found = await asyncio.gather(
            *(self._wait(collector, seconds, sparing and collector.bothered) for collector in wanted)
        )
        key = tuple((one.name, id(outcome) if outcome else 0) for one, outcome in zip(wanted, found, strict=True))
        collected = self._alive.get(key)
        if collected is None:
            took = monotonic() - begun
            whole = [
                outcome or Outcome(collector, took, failure=_late(seconds))
                for collector, outcome in zip(wanted, found, strict=True)
            ]
            collected = self._alive[key] = Collected(whole)
        return collected

    async def _wait(self, collector: Collector[Any], seconds: float, sparing: bool) -> Outcome | None:
        """Return the outcome of a run, or None where it comes later than that."""
        run = shared(self._runs, (collector.name, sparing), lambda: self._run(collector, sparing))
        own = seconds >= self.settings.timeout  # which the run keeps itself
        done, _ = await asyncio.wait({run}, timeout=None if own else seconds)
        return run.result() if done else None

    async def _run(self, collector: Collector[Any], sparing: bool) -> Outcome:
        begun, key = monotonic(), (collector.name, sparing)
        if key in self._left and self._left[key].is_alive():
            return Outcome(collector, 0, failure="still busy with what it was asked before")
        settings = self.settings
        if sparing:
            settings = replace(settings, keepalived_interval=max(settings.keepalived_interval, _SPARING))
        try:
            future, self._left[key] = in_thread(lambda: _outcome(collector, settings, begun))
            async with asyncio.timeout(settings.timeout):
                outcome = await future
        except TimeoutError:
            outcome = Outcome(collector, monotonic() - begun, failure=_late(settings.timeout))
        except RuntimeError as error:  # no thread can be started
            outcome = Outcome(collector, 0, failure=str(error))
        self._tell(collector.name, outcome.failure)
        return outcome

    def _tell(self, name: str, failure: str) -> None:
        """Log a failure once, and its end."""
        before = self._failing.get(name, "")
        self._failing[name] = failure
        if failure and failure != before:
            self.say(f"collector {name} failed: {failure}")
        elif before and not failure:
            self.say(f"collector {name} works again")


def _late(seconds: float) -> str:
    return f"no answer within {seconds:g} s"


def _outcome(collector: Collector[Any], settings: Settings, begun: float) -> Outcome:
    try:
        facts = collector.read(settings)
        families = list(collector.families(facts))
    except AbsentError as error:
        return Outcome(collector, monotonic() - begun, absence=one_line(str(error)))
    except Exception as error:  # noqa: BLE001 - a bug in one collector must not cost the others their series
        said = one_line(str(error)) or type(error).__name__
        return Outcome(collector, monotonic() - begun, failure=said)
    # what a collector of several sources could not read of some of them
    return Outcome(collector, monotonic() - begun, facts, families, failure=getattr(facts, "failure", ""))


def families(outcomes: Iterable[Outcome], version: str, own: Iterable[Metric] = ()) -> list[Metric]:
    """Return what is to be exported: the exporter's own series, then those of each collector."""
    build = Family("vipwarden_build_info", "gauge", "Version of vipwarden; the value is always 1.", ("version",))
    build.add(1, version)
    success = Family(
        "vipwarden_scrape_collector_success",
        "gauge",
        "Whether a collector read its source (1, also where this node has no such source) or failed (0).",
        ("collector",),
    )
    duration = Family(
        "vipwarden_scrape_collector_duration_seconds", "gauge", "How long a collector took.", ("collector",)
    )
    found: list[Metric] = [build, success, duration, *own, *process()]
    for outcome in outcomes:
        success.add(not outcome.failure, outcome.collector.name)
        duration.add(outcome.seconds, outcome.collector.name)
        has_up = any(family.name == outcome.collector.up for family in outcome.families)  # one for each source
        if outcome.collector.up and not outcome.absence and not has_up:
            up = Family(outcome.collector.up, "gauge", "Whether the source could be read; absent where there is none.")
            up.add(not outcome.failure)
            found.append(up)
        found += outcome.families
    return found
