"""Is what happens to the agent and its checks recorded?"""

from __future__ import annotations

import asyncio
import time
from typing import TYPE_CHECKING

import pytest

from agent import record
from agent.record import Record
from tests.agent.running import agent
from tests.events.make import recording, until
from tests.servers import misbehaving as servers
from vipwarden.events.event import Event, decode
from vipwarden.state import clock

if TYPE_CHECKING:
    from pathlib import Path


def waiting(folder: Path) -> list[Event]:
    """Return the events that lie in a spool."""
    lines = [line for path in sorted(folder.glob("[0-9]*")) for line in path.read_bytes().splitlines()]
    return [event for line in lines if (event := decode(line)) is not None]


@pytest.fixture
def spool(tmp_path: Path) -> Path:
    """Return the folder of a recorder that has been there."""
    folder = tmp_path / "events"
    folder.mkdir()
    return folder


@pytest.mark.parametrize("seconds", [3.0, -3600.0])
def test_a_stepped_clock_is_recorded_once(
    tmp_path: Path, spool: Path, monkeypatch: pytest.MonkeyPatch, seconds: float
) -> None:
    """With the seconds by which it was stepped; what NTP slews is none."""

    async def run() -> None:
        made = Record(str(tmp_path), 0.0)
        monkeypatch.setattr(record, "wall", lambda: clock.wall() + 0.1)
        made.look()
        monkeypatch.setattr(record, "wall", lambda: clock.wall() + seconds)
        made.look()
        made.look()
        made.flush()

    asyncio.run(run())
    (event,) = waiting(spool)
    assert (event.kind, event.state) == ("clock", "step")
    assert f"{seconds - 0.1:+.2f} s" in event.text


def test_a_stall_is_recorded(tmp_path: Path, spool: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """As after SIGSTOP, or on a node that was frozen."""

    async def run() -> None:
        made = Record(str(tmp_path), 1.0)
        for step in (0.9, 8.5):
            at, apart = clock.boot() + step, clock.wall() - clock.boot()
            monkeypatch.setattr(record, "boot", lambda at=at: at)
            monkeypatch.setattr(record, "wall", lambda at=at, apart=apart: at + apart)
            made.look()
        made.flush()

    asyncio.run(run())
    (event,) = waiting(spool)
    assert (event.kind, event.state) == ("agent", "stall")
    assert "was not running for 6.6 s" in event.text


def test_many_changes_are_few_files(tmp_path: Path, spool: Path) -> None:
    """They are handed over a moment later, together."""

    async def run() -> None:
        made = Record(str(tmp_path), 1.0)
        for number in range(100):
            made.event("check", str(number), state="OK")
        assert not waiting(spool)
        end = time.monotonic() + 60
        while len(waiting(spool)) < 100 and time.monotonic() < end:  # noqa: ASYNC110 - it happens in files
            await asyncio.sleep(0.01)

    asyncio.run(run())
    assert [event.name for event in waiting(spool)] == list(map(str, range(100)))
    assert len(list(spool.iterdir())) < 10


def test_the_agent_and_its_verdicts_are_recorded(tmp_path: Path) -> None:
    """From its start to its end, each change with its words."""
    with recording(tmp_path) as node, servers.greeting() as server:
        text = f"checks: {{web: {{check: port, host: {server.host}, port: {server.port}, interval: 0.2}}}}"
        with agent(tmp_path, text) as running:
            until(lambda: [it for it in node.events() if it.kind == "check"], node.process)
            running.process.terminate()
            running.process.wait(60)
        until(lambda: [it for it in node.events() if it.kind == "agent" and it.state == "stop"], node.process)
        found = [it for it in node.events() if it.by == "agent"]
    assert [(it.kind, it.name, it.state) for it in found] == [
        ("agent", "agent", "start"),
        ("check", "web", "OK"),
        ("agent", "agent", "stop"),
    ]
    assert found[1].of == "port"
    assert found[1].text
