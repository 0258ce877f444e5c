"""Do the checks of an agent go on while some of them wait for files that never answer?"""

from __future__ import annotations

import asyncio
import os
import subprocess
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from agent.away import MOST, Away, Job
from agent.driver import Driver
from agent.run import Run
from checks.process import process
from tests.servers.stuck import dead_mount
from vipwarden.core.result import OK, UNKNOWN, Result
from vipwarden.core.values import Seconds

if TYPE_CHECKING:
    from collections.abc import Iterator

PATIENCE = 2.0  # seconds: a healthy file is read in time on a busy machine as well


class Asked(Run):
    """A check that can be run again, and waited for."""

    __slots__ = ("ended", "start")

    def __init__(self, driver: Driver, **values: object) -> None:
        super().__init__(driver, "it", process, {**values, "timeout": Seconds(PATIENCE)}, PATIENCE, self.take)
        self.start = driver.start
        self.ended: asyncio.Future[Result]

    def take(self, result: Result) -> None:
        """Take the result."""
        self.ended.set_result(result)

    async def ask(self) -> Result:
        """Run it once."""
        self.ended = asyncio.get_running_loop().create_future()
        self.start(self)
        return await self.ended


@pytest.fixture
def another() -> Iterator[int]:
    """Run another process for as long as a test does, and return its number."""
    with subprocess.Popen(["sleep", "600"]) as process:
        yield process.pid
        process.kill()


def threads() -> int:
    """Return how many threads this process has."""
    return len(list(Path("/proc/self/task").iterdir()))


@pytest.mark.skipif(os.geteuid() != 0, reason="mounting is for root")
def test_a_stuck_check_costs_no_other(tmp_path: Path, another: int) -> None:
    """Each has one thread at most, however often it is due."""
    good = tmp_path / "pid"
    good.write_text(f"{another}\n")

    async def main(dead: Path) -> None:
        driver = Driver()
        before = threads()
        sick = [Asked(driver, pidfile=str(dead / str(number))) for number in range(20)]
        well = Asked(driver, pidfile=str(good))
        results: list[Any] = []
        for turn in range(3):
            found = await asyncio.gather(*(one.ask() for one in (*sick, well)))
            assert {result.state for result in found[:-1]} == {UNKNOWN}
            said = f"could not be read within {PATIENCE:g} s" if turn == 0 else "is still being read"
            assert all(said in result.text for result in found[:-1]), found
            results.append(found[-1])
            assert threads() <= before + len(sick) + 1
        assert [result.state for result in results] == [OK] * 3
        driver.close()

    with dead_mount(tmp_path / "dead") as mount:
        asyncio.run(main(mount))


@pytest.mark.skipif(os.geteuid() != 0, reason="mounting is for root")
def test_who_answers_again_is_asked_again(tmp_path: Path, another: int) -> None:
    """When the mount is back, or gone."""

    async def main() -> None:
        driver = Driver()
        with dead_mount(tmp_path / "dead") as mount:
            sick = Asked(driver, pidfile=str(mount / "pid"))
            assert "could not be read" in (await sick.ask()).text
            assert "is still being read" in (await sick.ask()).text
        (tmp_path / "dead" / "pid").write_text(f"{another}\n")
        async with asyncio.timeout(20):
            while (await sick.ask()).state != OK:  # noqa: ASYNC110 - nothing tells of it
                await asyncio.sleep(0.01)
        driver.close()

    asyncio.run(main())


def test_more_work_than_threads_is_done_in_turn() -> None:
    """And what has waited for longer than its deadline is not begun."""

    async def main() -> None:
        loop = asyncio.get_running_loop()
        away = Away(loop)
        gate = asyncio.Event()
        done: list[int] = []
        lock, key = os.pipe()

        def nothing() -> None:
            pass

        def tell() -> None:
            if len(done) == 100:
                gate.set()

        stuck = [Job("it", lambda: os.read(lock, 1), loop.time() + 60, nothing) for _ in range(MOST)]
        late = Job("it", lambda: done.append(-1), loop.time() - 1, nothing)
        until = loop.time() + 60
        more = [Job("it", lambda number=number: done.append(number), until, tell) for number in range(100)]  # type: ignore[misc]
        for job in (*stuck, late, *more):
            away.begin(job)
        assert not any(job.done for job in more)
        os.write(key, b"x" * MOST)
        async with asyncio.timeout(20):
            await gate.wait()
        assert sorted(done) == list(range(100))
        os.close(lock)
        os.close(key)

    asyncio.run(main())
