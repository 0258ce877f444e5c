"""Does keepalived hear nothing healthy of a check that flaps, until it is steady?"""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from agent.health import Health
from agent.told import Told
from tests.agent.drive import Inside, entries
from tests.agent.scripted import Script, value
from vipwarden.core.result import CRITICAL, OK, State
from vipwarden.state import paths, verdict
from vipwarden.state.maintenance import ALL, Maintenance

if TYPE_CHECKING:
    from pathlib import Path

FAST = "check: port, host: 127.0.0.1, port: 1, interval: 0.1"
RULE = 'dampen: "half_life=1, suppress=1500, reuse=1200, longest=2"'  # the ceiling is 4800
FLAPS = [OK, CRITICAL] * 3


@pytest.fixture(autouse=True)
def _folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(paths, "maintenance", lambda **_: f"{tmp_path}/state/maintenance")
    monkeypatch.setattr(paths, "maintained", lambda _top="": f"{tmp_path}/maintained/maintenance")


class Watched:
    """An agent whose check web flaps and is steady from then on; ``seen`` are values, states and words so far."""

    def __init__(self, folder: Path, results: list[State], *more: str, rule: str = RULE) -> None:
        self.inside = Inside(folder, f"web: {{{FAST}, {rule}}}", *more)
        self.check = Script(*results)
        self.seen: list[tuple[str, State, str]] = []

    def look(self) -> tuple[str, State, str]:
        """Return what the files say now."""
        found = verdict.read(f"{self.inside.folder}/verdict/web")
        now = value(self.inside, "web"), found.result.state if found else State(3), found.told if found else ""
        if now not in self.seen:
            self.seen.append(now)
        return now

    def has_said(self, text: str) -> bool:
        """Return whether a line of the agent holds the text."""
        return any(text in line for line in self.inside.said)


def test_a_check_that_flaps_is_held_down_and_believed_again(tmp_path: Path) -> None:
    """Its verdict says OK meanwhile, and compositions see what keepalived is told."""
    it = Watched(tmp_path, [*FLAPS, OK], "site: {all_of: [web]}")
    sites: list[str] = []

    def believed() -> bool:
        state, word = it.look()[1:]
        if state == OK and word:
            sites.append(value(it.inside, "site"))
        return it.has_said("believed again") and it.look() == ("1", OK, "") and value(it.inside, "site") == "1"

    it.inside.run_until(believed, it.check.on("web"))
    held = [(number, state) for number, state, word in it.seen if word.startswith("dampened")]
    assert ("0", OK) in held
    assert {number for number, _ in held} == {"0"}
    assert sites[-1] == "0"
    assert it.has_said("web: held down as it flaps: penalty 1")


def test_the_next_agent_goes_on_holding_it_down(tmp_path: Path) -> None:
    """By the penalty in the verdict; a restart is no way to be believed."""
    rule = 'dampen: "half_life=1000"'
    it = Watched(tmp_path, [*FLAPS, OK], rule=rule)
    it.inside.run_until(lambda: it.look()[1] == OK and it.look()[2] != "", it.check.on("web"))
    after = Watched(tmp_path, [OK], rule=rule)
    after.inside.run_until(lambda: after.look()[1] == OK and after.check.runs > 3, after.check.on("web"))
    assert {number for number, _, _ in after.seen} <= {"", "0"}
    assert after.look()[2].startswith("dampened29")


def test_a_check_without_the_key_may_flap_as_before(tmp_path: Path) -> None:
    """What is told is the verdict."""
    it = Watched(tmp_path, [*FLAPS, OK], rule="rise: 1")
    it.inside.run_until(lambda: it.look()[0] == "1" and it.check.runs > 8, it.check.on("web"))
    assert {word for _, _, word in it.seen} == {""}


def test_maintenance_comes_first_and_its_failures_are_no_flaps() -> None:
    """But a check that is held down is not made healthy by in_maintenance: hold."""
    rule = 'dampen: "half_life=60"'
    (entry,) = entries(f"web: {{{FAST}, in_maintenance: hold, {rule}}}")
    record = Maintenance(ALL, "", "alice", "disks", 0, 60)
    health = Health(1, 1, OK)
    it = Told(entry, health)
    health.settle(OK)
    it.follow(record)
    assert not any(it.flap(5) for _ in range(9))
    it.follow(None)
    assert (it.word(5), it.value([])) == ("", 1)
    assert [it.flap(5) for _ in range(4)] == [False, False, True, False]
    assert (it.word(5), it.value([])) == ("dampened4000", 0)
    it.follow(record)
    assert (it.word(5), it.value([]), it.verdict.is_healthy) == ("hold2", 0, False)


def test_a_reload_keeps_what_is_held_down_where_the_check_is_dampened_still() -> None:
    """Within the bounds of the new rule."""
    old, new, none = (
        Told(entry, Health(1, 1, OK))
        for entry in entries(
            f"a: {{{FAST}, dampen: half_life=60}}, b: {{{FAST}, dampen: half_life=30}}, c: {{{FAST}}}",
        )
    )
    for _ in range(3):
        old.flap(1000)
    new.inherit(old, 1060)
    none.inherit(old, 1060)
    assert (new.word(1060), none.word(1060)) == ("dampened1500", "")
    assert "in 30 s" in new.why(1060)
