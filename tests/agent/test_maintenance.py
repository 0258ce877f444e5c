"""Does keepalived get what an operator's maintenance says, while the checks go on?"""

from __future__ import annotations

import asyncio
import time
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from agent.driver import Driver
from agent.health import Health
from agent.maintained import Maintained
from agent.told import Told
from tests.agent.drive import Inside, entries
from tests.agent.scripted import Script, value
from vipwarden.core.result import CRITICAL, OK, Metric
from vipwarden.state import paths, verdict
from vipwarden.state.maintained import remove, write
from vipwarden.state.maintenance import ALL, CHECK, HOST, Maintenance

if TYPE_CHECKING:
    from collections.abc import Callable

    from vipwarden.config.entry import Entry

FAST = "check: port, host: 127.0.0.1, port: 1, interval: 0.1, refused: ok"


@pytest.fixture(autouse=True)
def _folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(paths, "maintenance", lambda **_: f"{tmp_path}/state/maintenance")
    monkeypatch.setattr(paths, "maintained", lambda _top="": f"{tmp_path}/maintained/maintenance")


def begin(kind: str = CHECK, name: str = "web", lasts: float = 3600) -> Maintenance:
    """Begin a maintenance."""
    now = time.time()
    record = Maintenance(kind, name, "alice", "new disks", now, now + lasts)
    write(record)
    return record


def told(inside: Inside, name: str = "web") -> str:
    """Return the word in a verdict."""
    found = verdict.read(f"{inside.folder}/verdict/{name}")
    return found.told if found is not None else "nothing"


def steps(*parts: tuple[Callable[[], object], Callable[[], bool]]) -> Callable[[], bool]:
    """Return what is true when each part was done in turn: an act, and what has to follow."""
    left = list(parts)
    begun: list[bool] = []

    def done() -> bool:
        if not left:
            return True
        if not begun:
            begun.append(True)
            left[0][0]()
        if left[0][1]():
            left.pop(0)
            begun.clear()
        return not left

    return done


def nothing() -> None:
    """Do nothing."""


def test_a_healthy_check_is_drained_and_comes_back(tmp_path: Path) -> None:
    """The verdict keeps its own state and says who and why; other checks have their values."""
    inside = Inside(tmp_path, f"web: {{{FAST}}}", f"db: {{{FAST}}}")
    seen: list[verdict.Verdict] = []

    def drained() -> bool:
        found = verdict.read(f"{inside.folder}/verdict/web")
        if value(inside, "web") == "0" and found is not None and found.told == "drain":
            seen.append(found)
        return bool(seen)

    records: list[Maintenance] = []
    inside.run_until(
        steps(
            (nothing, lambda: value(inside, "web") == "1" and value(inside, "db") == "1"),
            (lambda: records.append(begin()), lambda: drained() and value(inside, "db") == "1"),
            (lambda: remove(records[0]), lambda: value(inside, "web") == "1" and told(inside) == ""),
        )
    )
    assert seen[0].result.state == OK
    assert seen[0].maintenance.endswith("by alice: new disks")
    assert [line for line in inside.said if "maintenance" in line] == [
        f"web: {records[0].text}",
        "web: the maintenance by alice is over",
    ]


@pytest.mark.parametrize(
    ("more", "number", "word"),
    [
        ("in_maintenance: drain", "0", "drain"),
        ("in_maintenance: down", "0", "down"),
        ("in_maintenance: hold", "1", "hold0"),
        ("weight: 'ok=50, critical=10'", "0", "drain"),
        ("weight: 'ok=50, critical=-254'", "-254", "drain"),
        ("weight: 'ok=50, critical=10', in_maintenance: down", "10", "down"),
        ("weight: 'ok=50, critical=10', in_maintenance: hold", "50", "hold0"),
    ],
)
def test_what_keepalived_is_told(tmp_path: Path, more: str, number: str, word: str) -> None:
    """A held state stays although the check fails meanwhile, which its verdict says."""
    check = Script(OK)
    inside = Inside(tmp_path, f"web: {{{FAST}, {more}}}")

    def failing() -> bool:
        found = verdict.read(f"{inside.folder}/verdict/web")
        return found is not None and found.result.state == CRITICAL and value(inside, "web") == number

    inside.run_until(
        steps(
            (nothing, lambda: value(inside, "web") in ("1", "50")),
            (begin, lambda: told(inside) == word and value(inside, "web") == number),
            (lambda: check.results.extend([CRITICAL] * (check.runs + 9)), failing),
        ),
        check.on("web"),
    )
    assert told(inside) == word


def test_it_is_there_before_the_first_track_file_and_ends_by_itself(tmp_path: Path) -> None:
    """An agent that starts in a maintenance never says healthy; the end needs nobody."""
    begin(HOST, "127.0.0.1")
    inside = Inside(tmp_path, f"web: {{{FAST}}}")
    spool = Path(inside.folder) / "events"
    spool.mkdir(parents=True)
    values: set[str] = set()

    def drained() -> bool:
        values.add(value(inside, "web"))
        return told(inside) == "drain"

    inside.run_until(
        steps(
            (nothing, drained),
            (lambda: begin(HOST, "127.0.0.1", 0.2), lambda: told(inside) == "" and value(inside, "web") == "1"),
        )
    )
    assert values <= {"", "0"}
    events = "".join(path.read_text() for path in spool.iterdir())
    assert '"name":"host 127.0.0.1"' in events
    assert '"text":"its time is over"' in events


def test_each_check_follows_what_covers_it_for_the_longest_time() -> None:
    """As Maintenance.covers() says, by its name, the name of its pattern, its host, or all; also among thousands."""
    (web, real, other) = entries(
        f"web: {{{FAST}}}, real: {{check: port, hosts: [192.0.2.11], port: 80}}, "
        "other: {check: port, host: LB1.example, port: 80}"
    )
    for number in range(2000):
        begin(CHECK, f"another{number}")
    asyncio.run(_looked_at(web, real, other))


async def _looked_at(web: Entry, real: Entry, other: Entry) -> None:
    driver = Driver(print)
    said: list[str] = []
    try:
        it = Maintained(driver.away, said.append, lambda *_, **__: None)
        await it.begin()
        assert len(it.valid) == len(said) == 2000
        assert [it.of(entry) for entry in (web, real, other)] == [None] * 3
        short, long = begin(CHECK, "real", 60), begin(HOST, "192.0.2.11", 600)
        host, exact = begin(HOST, "lb1.EXAMPLE"), begin(CHECK, "web")
        while len(it.valid) < 2004:
            it.look()
            await asyncio.sleep(0.01)
        assert [it.of(entry) for entry in (web, real, other)] == [exact, long, host]
        everything = begin(ALL, "", 7200)
        remove(long)
        while it.of(web) != everything or it.of(real) != everything:
            it.look()
            await asyncio.sleep(0.01)
        remove(everything)
        while it.of(real) != short:
            it.look()
            await asyncio.sleep(0.01)
    finally:
        driver.close()


def test_what_is_held_is_held_by_the_next_agent_too(tmp_path: Path) -> None:
    """By the word in the verdict."""
    text = f"web: {{{FAST}, in_maintenance: hold}}"
    inside = Inside(tmp_path, text)
    inside.run_until(
        steps((nothing, lambda: value(inside, "web") == "1"), (lambda: begin(ALL, ""), lambda: told(inside) == "hold0"))
    )
    check = Script(CRITICAL)
    after = Inside(tmp_path, text)
    after.run_until(lambda: check.runs > 2 and value(after, "web") == "1", check.on("web"))
    assert told(after) == "hold0"


def test_a_clean_end_prolongs_a_verdict_in_maintenance_as_any_other(tmp_path: Path) -> None:
    """The word stays behind the TTL."""
    begin()
    inside = Inside(tmp_path, f"web: {{{FAST}}}")
    inside.run_until(lambda: told(inside) == "drain")
    found = verdict.read(f"{inside.folder}/verdict/web")
    assert found is not None
    assert found.told == "drain"
    assert found.ttl == pytest.approx(1.25)  # that of 0.1 s, and 0.1 s of grace


def test_compositions_see_what_keepalived_is_told(tmp_path: Path) -> None:
    """A member that is drained does not count, a held one does."""
    inside = Inside(
        tmp_path,
        f"web: {{{FAST}}}",
        f"db: {{{FAST}, in_maintenance: hold}}",
        "both: {all_of: [web, db]}",
        "one: {any_of: [web, db]}",
    )
    inside.run_until(
        steps(
            (nothing, lambda: value(inside, "both") == "1"),
            (lambda: begin(CHECK, "db"), lambda: told(inside, "db") == "hold0" and value(inside, "both") == "1"),
            (begin, lambda: value(inside, "both") == "0" and value(inside, "one") == "1"),
        )
    )


def test_a_value_that_is_held_is_that_of_its_begin() -> None:
    """Whatever the metric does; and without a verdict nothing is healthy."""
    (entry,) = entries(f"web: {{{FAST}, in_maintenance: hold, weight: 'time 0:1 = 50:10, critical=0'}}")
    health = Health(1, 1, OK)
    now = time.time()
    it = Told(entry, health)
    it.follow(Maintenance(CHECK, "web", "alice", "disks", now, now + 60))
    assert (it.value([]), it.word(0), it.verdict.is_healthy) == (0, "hold3", False)
    health.settle(OK)
    assert (it.value([Metric("time", 0.5)]), it.word(0)) == (30, "hold0")
    health.settle(CRITICAL)
    assert (it.value([Metric("time", 1)]), it.word(0), it.verdict.is_healthy) == (30, "hold0", True)
    it.follow(None)
    assert (it.value([]), it.word(0), it.verdict.is_healthy) == (0, "", False)
