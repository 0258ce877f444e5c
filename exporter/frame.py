"""How are the collectors run, so that a slow or failing source costs no more than its own series?

Each collector reads its source in a thread of its own, never on the event loop. One that does not end within the
timeout is given up, and not started again before its thread has ended. What a source says is never kept: a
failure has no series, in place of old ones.
"""

from __future__ import annotations

import asyncio
from contextlib import suppress
from dataclasses import dataclass, field
from threading import Thread
from time import monotonic
from typing import TYPE_CHECKING, Any, Generic, TypeVar, cast

from checks.core.result import one_line
from exporter.exposition import Family

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence

    from exporter.settings import Settings

Facts = TypeVar("Facts")


class AbsentError(Exception):
    """This node has no such source, as a node without HAProxy: no failure, and no series."""


@dataclass(frozen=True, slots=True)
class Collector(Generic[Facts]):
    """A source: ``read`` returns its facts, or raises; ``families`` writes them; ``up`` names its 0/1 series."""

    name: str
    read: Callable[[Settings], Facts]
    families: Callable[[Facts], Iterable[Family]]
    up: str = ""


@dataclass(frozen=True, slots=True)
class Outcome:
    """What one run of a collector gave: facts and families, or why it failed, or why there is nothing to read."""

    collector: Collector[Any]
    seconds: float
    facts: object = None
    families: Sequence[Family] = ()
    failure: str = ""
    absence: str = ""


@dataclass(slots=True)
class Frame:
    """The collectors of one exporter."""

    settings: Settings
    collectors: Sequence[Collector[Any]]
    _running: asyncio.Task[list[Outcome]] | None = None
    _left: dict[str, Thread] = field(default_factory=dict)

    async def collect(self) -> list[Outcome]:
        """Run every collector; who asks while that is under way shares its outcome."""
        if self._running is None or self._running.done():
            self._running = asyncio.create_task(self._collect())
        return await asyncio.shield(self._running)

    async def _collect(self) -> list[Outcome]:
        return list(await asyncio.gather(*(self._run(collector) for collector in self.collectors)))

    async def _run(self, collector: Collector[Any]) -> Outcome:
        begun = monotonic()
        if collector.name in self._left and self._left[collector.name].is_alive():
            return Outcome(collector, 0, failure="still busy with what it was asked before")
        future, self._left[collector.name] = in_thread(lambda: _outcome(collector, self.settings, begun))
        try:
            return await asyncio.wait_for(future, self.settings.timeout)
        except TimeoutError:
            return Outcome(collector, monotonic() - begun, failure=f"no answer within {self.settings.timeout:g} s")


def _outcome(collector: Collector[Any], settings: Settings, begun: float) -> Outcome:
    try:
        facts = collector.read(settings)
        families = list(collector.families(facts))
    except AbsentError as error:
        return Outcome(collector, monotonic() - begun, absence=one_line(str(error)))
    except Exception as error:  # noqa: BLE001 - a bug in one collector must not cost the others their series
        said = one_line(str(error)) or type(error).__name__
        return Outcome(collector, monotonic() - begun, failure=said)
    return Outcome(collector, monotonic() - begun, facts, families)


def families(outcomes: Iterable[Outcome], version: str) -> list[Family]:
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
    found = [build, success, duration]
    for outcome in outcomes:
        success.add(not outcome.failure, outcome.collector.name)
        duration.add(outcome.seconds, outcome.collector.name)
        if outcome.collector.up and not outcome.absence:
            up = Family(outcome.collector.up, "gauge", "Whether the source could be read; absent where there is none.")
            up.add(not outcome.failure)
            found.append(up)
        found += outcome.families
    return found


def in_thread(work: Callable[[], Facts]) -> tuple[asyncio.Future[Facts], Thread]:
    """Run it in a thread that nobody waits for at the end: an executor would let a stuck one hold the process."""
    loop = asyncio.get_running_loop()
    future: asyncio.Future[Facts] = loop.create_future()

    def tell(result: Facts | None, error: Exception | None) -> None:
        if future.done():  # given up
            return
        if error is not None:
            future.set_exception(error)
        else:
            future.set_result(cast("Facts", result))

    def run() -> None:
        result, error = None, None
        try:
            result = work()
        except Exception as raised:  # noqa: BLE001 - it is raised again where the future is awaited
            error = raised
        with suppress(RuntimeError):  # the loop has been closed in the meantime
            loop.call_soon_threadsafe(tell, result, error)

    thread = Thread(target=run, daemon=True)
    thread.start()
    return future, thread
