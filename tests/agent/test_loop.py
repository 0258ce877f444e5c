"""Are the configured checks run again and again, each for itself?"""

from __future__ import annotations

import asyncio
import re
from time import monotonic
from typing import TYPE_CHECKING

import pytest

from agent.loop import Loop
from checks.core import verdict
from checks.core.config import Document, Entry
from checks.core.result import CRITICAL, OK, UNKNOWN, Result
from tests.servers import misbehaving as servers

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from checks.core.net import Net


def entry(name: str, port: int, more: str = "") -> Entry:
    """Return a configured port check on loopback."""
    text = f"checks: {{{name}: {{check: port, host: 127.0.0.1, port: {port}, interval: 0.1, {more}}}}}"
    (made,) = Document("vipwarden.yaml", text).checks()
    return made


def run_until(done: Callable[[], bool], loop: Loop) -> None:
    """Run the loop until something is true, for ten seconds at most."""

    async def watch() -> None:
        running = asyncio.ensure_future(loop.run())
        end = monotonic() + 10
        while not done() and monotonic() < end:  # noqa: ASYNC110 - what is waited for happens in threads
            await asyncio.sleep(0.01)
        running.cancel()
        with pytest.raises(asyncio.CancelledError):
            await running
        assert done()

    asyncio.run(watch())


def test_verdicts_are_published_again_and_again(tmp_path: Path) -> None:
    """Every run leaves a new stamp, and a change of state is told once."""
    folder = str(tmp_path / "run" / "verdict")
    (tmp_path / "run").mkdir()
    told: list[str] = []
    stamps: set[float] = set()

    def three_times() -> bool:
        stamps.update(found.stamp for found in verdict.read_all(folder) if found.name == "good")
        return len(stamps) >= 3 and len(told) >= 2

    with servers.listening() as good, servers.closed() as bad:
        run_until(three_times, Loop([entry("good", good.port), entry("bad", bad.port)], folder, told.append))
    assert {found.name: found.result.state for found in verdict.read_all(folder)} == {"bad": CRITICAL, "good": OK}
    assert sorted(re.sub(r"127.*", "", line) for line in told) == [
        "bad: first run -> CRITICAL: ",
        "good: first run -> OK: ",
    ]


def test_a_check_that_hangs_does_not_hold_up_the_others(tmp_path: Path) -> None:
    """The mute server uses its whole time, while the other check goes on at its own interval."""
    told: list[str] = []
    with servers.mute() as silent, servers.listening() as good:
        slow = entry("slow", silent.port, "expect: hello, timeout: 0.1")
        run_until(lambda: good.accepted >= 5, Loop([slow, entry("fast", good.port)], str(tmp_path), told.append))


def test_a_check_that_breaks_is_unknown_and_goes_on(tmp_path: Path) -> None:
    """Our own bug in one check is that check's verdict, and takes no other one down."""
    runs = []

    async def broken(_net: Net, **_values: object) -> Result:
        runs.append(1)
        raise ZeroDivisionError("a bug")

    told: list[str] = []
    with servers.listening() as server:
        bad = entry("bad", server.port)
        bad.function = broken
        run_until(
            lambda: len(runs) >= 3 and server.accepted > 2,
            Loop([bad, entry("good", server.port)], str(tmp_path), told.append),
        )
    states = {found.name: found.result.state for found in verdict.read_all(str(tmp_path))}
    assert states == {"bad": UNKNOWN, "good": OK}
    assert any("bad: first run -> UNKNOWN: internal error in port: ZeroDivisionError" in line for line in told)


def test_a_folder_that_takes_no_verdicts_is_told_once(tmp_path: Path) -> None:
    """The checks go on, and the complaint comes once for each time that it begins."""
    folder = tmp_path / "nobody" / "made" / "this"
    told: list[str] = []
    with servers.listening() as server:
        loop = Loop([entry("good", server.port)], str(folder), told.append)
        run_until(lambda: server.accepted >= 3, loop)
        assert told == [f"cannot publish verdicts in {folder}: No such file or directory"]
        folder.mkdir(parents=True)
        run_until(lambda: len(told) > 1, loop)
    assert told[1].startswith("good: first run -> OK")
