"""Does a check run at once when a process ends or an address changes, and never too often for that?"""

from __future__ import annotations

import asyncio
import errno
import os
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from agent.driver import Driver
from agent.run import Run
from tests.agent.drive import Inside, entries
from tests.agent.scripted import states
from tests.commands import shell
from tests.servers.program import sleeper
from vipwarden.core.result import OK, Result

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from vipwarden.net.net import Net

SELDOM = "interval: 3600, timeout: 10"


def descriptors() -> int:
    """Return how many this process has open."""
    return len(list(Path("/proc/self/fd").iterdir()))


@pytest.fixture
def children() -> Iterator[list[subprocess.Popen[bytes]]]:
    """Yield processes that do nothing, and end them."""
    started = [subprocess.Popen([sys.executable, "-ISc", "input()"], stdin=subprocess.PIPE) for _ in range(3)]
    try:
        yield started
    finally:
        for child in started:
            child.kill()
            child.communicate()


class Naming:
    """A check that names processes, and counts its runs."""

    def __init__(self, *pids: int) -> None:
        self.pids = pids
        self.runs = 0

    async def __call__(self, net: Net) -> Result:
        """Name them."""
        self.runs += 1
        net.watch_processes(self.pids)
        return Result(OK, "named")


def drive(check: Naming, steps: Callable[[Driver, Run, list[str]], Iterator[Callable[[], object]]]) -> list[str]:
    """Go through steps with a driver and a run; each yields what has to become true. Return the events."""
    events: list[str] = []

    async def play() -> None:
        driver = Driver()
        run = Run(driver, "it", check, {}, 10, lambda _result: None, lambda: events.append("event"))
        try:
            for done in steps(driver, run, events):
                async with asyncio.timeout(60):
                    while not done():  # noqa: ASYNC110 - it happens in a list
                        await asyncio.sleep(0.005)
        finally:
            driver.close()

    asyncio.run(play())
    return events


def test_a_program_that_ends_is_seen_long_before_the_interval(tmp_path: Path) -> None:
    """By its pidfd; the track file follows at once."""
    name = "vw" + os.urandom(5).hex()
    with sleeper(tmp_path, name) as child:
        inside = Inside(tmp_path, f"it: {{check: process, command: {name}, {SELDOM}}}")

        def killed() -> bool:
            if states(inside) == {"it": "OK"}:
                child.kill()
            return states(inside) == {"it": "CRITICAL"}

        inside.run_until(killed)
    assert inside.tracks == {"it": "0"}


def test_what_fall_asks_for_comes_at_the_fast_interval(tmp_path: Path) -> None:
    """The run at once is one result, and never the next ones."""
    name = "vw" + os.urandom(5).hex()
    with sleeper(tmp_path, name) as child:
        inside = Inside(tmp_path, f"it: {{check: process, command: {name}, {SELDOM}, fall: 3, fast_interval: 0.1}}")

        def killed() -> bool:
            if states(inside) == {"it": "OK"}:
                child.kill()
            return states(inside) == {"it": "CRITICAL"}

        inside.run_until(killed)
        assert inside.agent._meter.runs == 4


MOVING = """
import sys
from pathlib import Path
from tests.agent.drive import Inside, entries
from tests.agent.scripted import states
import subprocess

folder = Path(sys.argv[1])
inside = Inside(folder, "it: {check: port, host: 192.0.2.1, port: 1, refused: ok, source: 192.0.2.2, interval: 3600}")
seen = []

def moved():
    state = states(inside).get("it")
    if state is not None and seen[-1:] != [state]:
        seen.append(state)
        if len(seen) < 3:
            subprocess.run(["ip", "addr", ("add", "del")[len(seen) - 1], "192.0.2.2/32", "dev", "lo"], check=True)
    return len(seen) == 3

inside.run_until(moved)
print(*seen)
"""


def test_an_own_address_that_comes_or_goes_is_seen_long_before_the_interval(tmp_path: Path) -> None:
    """By netlink: a check that binds to a VIP runs when keepalived has added it."""
    line = 'ip link set lo up; ip addr add 192.0.2.1/32 dev lo; exec "$1" -c "$2" "$3"'
    ran = shell(tmp_path, line, sys.executable, MOVING, str(tmp_path), flags=["-n"], needs=["ip"])
    assert ran.out.split() == ["UNKNOWN", "OK", "UNKNOWN"], ran.err


def test_pidfds_are_kept_from_run_to_run_and_never_left(children: list[subprocess.Popen[bytes]]) -> None:
    """Nor when a run is abandoned, or names others."""
    before = descriptors()
    pids = [child.pid for child in children]
    check = Naming(*pids)

    def steps(driver: Driver, run: Run, _events: list[str]) -> Iterator[Callable[[], object]]:
        own = descriptors()
        for _ in range(3):
            driver.start(run)
            assert descriptors() == own + 3
        check.pids = (pids[0],)
        driver.start(run)
        assert descriptors() == own + 1
        driver.abandon(run)
        assert (descriptors(), run.watched, run.named) == (own, frozenset(), frozenset())
        driver.start(run)
        yield lambda: True

    assert drive(check, steps) == []
    assert descriptors() == before


def test_a_process_that_ends_is_an_event_once(children: list[subprocess.Popen[bytes]]) -> None:
    """Also the one that ended just before it was watched; another run may watch its number again."""
    child, other, gone = children
    gone.kill()
    gone.communicate()

    def steps(driver: Driver, run: Run, events: list[str]) -> Iterator[Callable[[], object]]:
        driver.start(run)
        child.kill()
        yield lambda: len(events) == 1
        assert run.watched == {other.pid}
        check.pids = (gone.pid,)
        driver.start(run)
        yield lambda: len(events) == 2

    check = Naming(child.pid, other.pid)
    assert drive(check, steps) == ["event"] * 2


@pytest.mark.parametrize(("number", "tries"), [(errno.ENOSYS, 1), (errno.EPERM, 1), (errno.EMFILE, 4)])
def test_without_pidfds_checks_run_at_their_interval(
    children: list[subprocess.Popen[bytes]], monkeypatch: pytest.MonkeyPatch, number: int, tries: int
) -> None:
    """An old kernel or a filter is not asked again, a node short of descriptors is."""
    tried = []

    def refuse(pid: int) -> int:
        tried.append(pid)
        raise OSError(number, os.strerror(number))

    monkeypatch.setattr(os, "pidfd_open", refuse)

    def steps(driver: Driver, run: Run, _events: list[str]) -> Iterator[Callable[[], object]]:
        for _ in range(4):
            driver.start(run)
        yield lambda: True

    assert drive(Naming(children[0].pid), steps) == []
    assert len(tried) == tries


def test_a_python_without_pidfds_will_do(
    children: list[subprocess.Popen[bytes]], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delattr(os, "pidfd_open")

    def steps(driver: Driver, run: Run, _events: list[str]) -> Iterator[Callable[[], object]]:
        driver.start(run)
        yield lambda: run.watched == frozenset()

    assert drive(Naming(children[0].pid), steps) == []


def test_the_descriptors_of_a_node_are_not_used_up(
    children: list[subprocess.Popen[bytes]], monkeypatch: pytest.MonkeyPatch
) -> None:
    """What is beyond the bound is not watched."""
    monkeypatch.setattr("resource.getrlimit", lambda _what: (16, 16))
    check = Naming(*(child.pid for child in children))

    def steps(driver: Driver, run: Run, _events: list[str]) -> Iterator[Callable[[], object]]:
        driver.start(run)
        yield lambda: len(run.watched) == 2

    assert drive(check, steps) == []


def test_a_check_that_a_reload_takes_away_watches_nothing(tmp_path: Path) -> None:
    """Nor does one that has become another."""
    before, after = (f"{{check: process, user: root, critical: '{least}:', {SELDOM}}}" for least in (1, 2))
    inside = Inside(tmp_path, f"it: {before}, other: {before}")
    asked: list[asyncio.Task[None]] = []

    def reloaded() -> bool:
        if states(inside) == {"it": "OK", "other": "OK"} and not asked:
            assert len(inside.agent._driver.events._ends._owners) == 2
            asked.append(asyncio.ensure_future(inside.agent.reload(entries(f"it: {after}"))))
        return bool(asked) and asked[0].done() and inside.agent._meter.runs >= 3

    inside.run_until(reloaded)
    assert asked[0].exception() is None
    assert inside.agent._driver.events._ends._owners == {}
