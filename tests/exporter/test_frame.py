"""Does a slow or failing source cost no more than its own series?"""

from __future__ import annotations

import asyncio
import threading
import time
from typing import TYPE_CHECKING, Any

from exporter.frame import Frame, families
from exporter.process import process
from exporter.render.exposition import Family, render
from exporter.settings import Settings, settings
from exporter.source import AbsentError, Outcome, Source

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from exporter.settings import Settings


def collector(name: str, read: Callable[[Settings], float]) -> Source[float]:
    """Return a collector of one number, with an up series."""

    def write(value: float) -> Iterator[Family]:
        family = Family(f"{name}_value", "gauge", "Help.")
        family.add(value)
        yield family

    return Source(name, read, write, up=f"{name}_up")


def collect(*collectors: Source[float], timeout: float = 5) -> list[Outcome]:
    """Run the frame once."""
    known = settings(timeout=timeout)  # type: ignore[arg-type]
    return asyncio.run(Frame(known, collectors).collect())


def lines(outcomes: list[Outcome]) -> list[str]:
    """Return the samples, without those whose value is a duration."""
    text = render(families(outcomes, "1.2")).decode().split("\n")
    return [line for line in text if line and not line.startswith(("#", "process_")) and "duration" not in line]


def fail(_: Settings) -> float:
    """Fail as a source does."""
    raise OSError(13, "Permission denied")


def bug(_: Settings) -> float:
    """Fail as our own code does."""
    raise ZeroDivisionError


def absent(_: Settings) -> float:
    """Find nothing to read."""
    raise AbsentError("no such thing here")


def test_a_failing_source_costs_its_own_series_only() -> None:
    """Its up series is 0; a source that is not there has none, and is no failure."""
    good = collector("good", lambda _: 7)
    outcomes = collect(good, collector("failing", fail), collector("bug", bug), collector("absent", absent))
    assert lines(outcomes) == [
        'vipwarden_build_info{version="1.2"} 1',
        'vipwarden_scrape_collector_success{collector="good"} 1',
        'vipwarden_scrape_collector_success{collector="failing"} 0',
        'vipwarden_scrape_collector_success{collector="bug"} 0',
        'vipwarden_scrape_collector_success{collector="absent"} 1',
        "good_up 1",
        "good_value 7",
        "failing_up 0",
        "bug_up 0",
    ]
    assert [one.failure for one in outcomes] == ["", "[Errno 13] Permission denied", "ZeroDivisionError", ""]
    assert outcomes[3].absence == "no such thing here"


def test_a_source_that_hangs_is_given_up_and_not_asked_again_meanwhile() -> None:
    """Else each scrape would leave one more thread behind."""
    release = threading.Event()
    asked = []

    def hang(_: Settings) -> float:
        asked.append(1)
        release.wait(10)
        return 1

    async def scrape() -> list[list[Outcome]]:
        known = settings(timeout=0.5)  # type: ignore[arg-type]
        frame = Frame(known, [collector("hanging", hang), collector("good", lambda _: 7)])
        first, second = await frame.collect(), await frame.collect()
        release.set()
        for thread in frame._left.values():
            await asyncio.to_thread(thread.join)
        return [first, second, await frame.collect()]

    first, second, third = asyncio.run(scrape())
    assert first[0].failure == "no answer within 0.5 s"
    assert second[0].failure.startswith("still busy")
    assert third[0].facts == 1
    assert [one[1].facts for one in (first, second, third)] == [7, 7, 7]
    assert len(asked) == 2


def test_scrapes_at_the_same_time_share_one_collection() -> None:
    """Whoever asks first may even leave."""
    asked = []
    release = threading.Event()

    def read(_: Settings) -> float:
        asked.append(1)
        release.wait(10)
        return 1

    async def scrape() -> list[Outcome]:
        frame = Frame(settings(), [collector("slow", read)])
        first = asyncio.create_task(frame.collect())
        second = asyncio.create_task(frame.collect())
        await asyncio.sleep(0)
        first.cancel()
        release.set()
        return await second

    assert asyncio.run(scrape())[0].facts == 1
    assert len(asked) == 1


def test_its_own_process_is_measured() -> None:
    """By the names that every client library has."""
    found = {family.name: next(iter(family.samples.values())) for family in process()}
    assert found["process_resident_memory_bytes"] > 1 << 20
    assert found["process_cpu_seconds_total"] > 0
    assert 3 <= found["process_open_fds"] <= found["process_max_fds"]
    assert 0 < time.time() - found["process_start_time_seconds"] < 86400


def test_who_is_bothered_is_asked_less_often_by_pages() -> None:
    """A scrape beside it asks as often as it is configured to."""
    asked: list[float] = []

    def read(known: Settings) -> None:
        asked.append(known.keepalived_interval)

    async def run() -> None:
        collectors = [Source("vrrp", read, lambda _: [], bothered=True), Source("vip", read, lambda _: [])]
        frame = Frame(settings(), collectors)
        await asyncio.gather(frame.collect(), frame.collect(sparing=True))

    asyncio.run(run())
    assert sorted(asked) == [3, 3, 30]


def test_deadlines_that_see_the_same_share_one_collection() -> None:
    """However many there are: each of its own would be another text in memory."""
    done = threading.Event()

    async def run() -> int:
        collectors: list[Source[Any]] = [
            Source("fast", lambda _: None, lambda _: []),
            Source("slow", lambda _: done.wait(10), lambda _: []),
        ]
        frame = Frame(settings(), collectors)
        try:
            found = await asyncio.gather(*(frame.collect(None, 0.05 + number / 1000) for number in range(40)))
        finally:
            done.set()
        assert all([bool(one.failure) for one in each] == [False, True] for each in found)
        return len({id(one) for one in found})

    assert asyncio.run(run()) == 1
