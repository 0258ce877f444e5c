"""Does the agent hold what it said last, while a whole group fails, and for no longer than it may?"""

from __future__ import annotations

import signal
import time
from types import SimpleNamespace
from typing import TYPE_CHECKING

import pytest

from agent import asked
from agent.asked import Seen
from agent.groups import Groups
from agent.watch import Watch
from tests.agent.drive import Inside, entries
from tests.agent.running import agent
from tests.agent.scripted import value
from tests.agent.test_maintenance import begin, nothing, steps
from vipwarden.config.panic import Group, Rule
from vipwarden.core.result import CRITICAL, OK, Result, State
from vipwarden.state import paths, verdict
from vipwarden.state.clock import boot
from vipwarden.state.maintenance import CHECK

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from vipwarden.config.entry import Entry
    from vipwarden.core.registry import Check
    from vipwarden.net.net import Net

FAST = "check: port, port: 1, interval: 0.1, refused: ok"
WEB = f'web: {{hosts: ["127.0.0.[1-4]"], {FAST}}}'
NAMES = [f"web@127.0.0.{number}" for number in range(1, 5)]
GROUP = "vipwarden panic pool"
RULE = "pool: {of: web, window: 1, longest: 60}"


@pytest.fixture(autouse=True)
def _folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(paths, "maintenance", lambda **_: f"{tmp_path}/state/maintenance")
    monkeypatch.setattr(paths, "maintained", lambda _top="": f"{tmp_path}/maintained/maintenance")


class Servers:
    """Checks whose state a test sets."""

    def __init__(self, state: State = OK) -> None:
        self.states = dict.fromkeys(NAMES, state)

    def put(self, state: State, *names: str, times: list[float] | None = None) -> Callable[[], None]:
        """Return what changes the states of servers, by default of all, and notes the time."""

        def change() -> None:
            self.states.update(dict.fromkeys(names or NAMES, state))
            if times is not None:
                times.append(time.monotonic())

        return change

    def on(self, entries: list[Entry]) -> None:
        """Take the place of the functions of the entries."""
        for entry in entries:
            if entry.name in self.states:
                entry.function = self._function(entry.name)

    def _function(self, name: str) -> Check:
        async def check(_net: Net, **_values: object) -> Result:
            return Result(self.states[name], "asked")

        return check


def said(inside: Inside, name: str) -> tuple[State | None, str]:
    """Return the state in a verdict, and its word."""
    found = verdict.read(f"{inside.folder}/verdict/{paths.file_name(name)}")
    return (found.result.state, found.told) if found is not None else (None, "")


def values(inside: Inside) -> set[str]:
    """Return what the track files of all servers hold."""
    return {value(inside, name) for name in NAMES}


def held(inside: Inside, *names: str) -> bool:
    """Return whether all servers fail by their verdicts and are held as healthy."""
    words = [said(inside, name) for name in names or NAMES]
    return all(state == CRITICAL and word.startswith("panic0@") for state, word in words)


def test_a_fault_of_all_is_held_and_shouted(tmp_path: Path) -> None:
    """Not one track file changes; verdicts, the verdict on the group, the log and events say what is."""
    it, servers_ = Inside(tmp_path, WEB, "all: {all_of: [web]}", panic=RULE), Servers()
    seen: set[str] = set()

    def group() -> tuple[State | None, str]:
        seen.update(values(it), [value(it, "all")])
        return said(it, GROUP)

    it.run_until(
        steps(
            (nothing, lambda: values(it) == {"1"} and group()[0] == OK),
            (seen.clear, lambda: True),
            (servers_.put(CRITICAL), lambda: held(it) and group()[0] == CRITICAL),
            (servers_.put(OK), lambda: group()[0] == OK and all(said(it, name) == (OK, "") for name in NAMES)),
        ),
        servers_.on,
    )
    assert seen == {"1"}
    lines = [line for line in it.said if line.startswith("vipwarden panic")]
    assert len(lines) == 2
    assert "checks fail together: what was told before is held for at most" in lines[0]
    assert "the panic ends, as the others are healthy again" in lines[1]
    assert not list((tmp_path / "run" / "verdict").glob("vipwarden%20panic*"))


def test_a_real_outage_is_told_after_the_time(tmp_path: Path) -> None:
    """All at once, and compositions of them with them."""
    it = Inside(tmp_path, WEB, "all: {all_of: [web]}", panic="pool: {of: 'web@*', window: 1, longest: 1.5}")
    servers_ = Servers()
    begun: list[float] = []

    def over() -> bool:
        return values(it) == {"0"} and value(it, "all") == "0" and said(it, GROUP)[0] == State(1)

    it.run_until(
        steps(
            (nothing, lambda: values(it) == {"1"} and value(it, "all") == "1"),
            (servers_.put(CRITICAL, times=begun), over),
        ),
        servers_.on,
    )
    assert time.monotonic() - begun[0] >= 1.5
    assert any("as the time is over: 4 of 4 checks fail together" in line for line in it.said)


def test_the_failure_of_one_is_told_as_soon_as_the_others_have_answered(tmp_path: Path) -> None:
    """Long before the window ends; and a second one that fails later is no panic either."""
    it, servers_ = Inside(tmp_path, WEB, panic="pool: {of: web, window: 50, longest: 60}"), Servers()
    it.run_until(
        steps(
            (nothing, lambda: values(it) == {"1"}),
            (servers_.put(CRITICAL, NAMES[0]), lambda: value(it, NAMES[0]) == "0" and said(it, NAMES[0])[1] == ""),
            (servers_.put(CRITICAL, NAMES[1]), lambda: value(it, NAMES[1]) == "0"),
        ),
        servers_.on,
    )
    assert not any("panic" in line for line in it.said)


def test_a_check_in_maintenance_does_not_count(tmp_path: Path) -> None:
    """Neither as a member nor as a failure; one that is held and goes into maintenance is told as that says."""
    it, servers_ = Inside(tmp_path, WEB, panic=RULE), Servers()

    def text() -> str:
        found = verdict.read(f"{it.folder}/verdict/vipwarden%20panic%20pool")
        return found.result.text if found else ""

    it.run_until(
        steps(
            (nothing, lambda: values(it) == {"1"}),
            (lambda: begin(CHECK, NAMES[0]), lambda: said(it, NAMES[0])[1] == "drain"),
            (
                servers_.put(CRITICAL),
                lambda: held(it, *NAMES[1:]) and "panic: 3 of 3 checks fail together, 3 of them are held" in text(),
            ),
            (lambda: begin(CHECK, NAMES[1]), lambda: said(it, NAMES[1])[1] == "drain" and value(it, NAMES[1]) == "0"),
        ),
        servers_.on,
    )


def test_the_next_agent_holds_for_the_rest_of_the_time(tmp_path: Path) -> None:
    """A restart neither ends a panic nor prolongs it."""
    rule = "pool: {of: web, window: 1, longest: 4}"
    it, servers_ = Inside(tmp_path, WEB, panic=rule), Servers()
    begun: list[float] = []
    it.run_until(
        steps(
            (nothing, lambda: values(it) == {"1"}),
            (servers_.put(CRITICAL, times=begun), lambda: held(it)),
        ),
        servers_.on,
    )
    after = Inside(tmp_path, WEB, panic=rule)
    seen: list[float] = []  # since when it holds, and when it does no longer: between them its own watchdog failed it

    def over() -> bool:
        if values(after) == {"01"[not seen]}:
            seen.append(time.monotonic() - begun[0])
        return len(seen) >= 2

    after.run_until(over, Servers(CRITICAL).on)
    assert 2.5 < seen[1] < 4 + 5  # 5: a busy machine


def test_without_the_group_the_next_agent_tells_the_failures(tmp_path: Path) -> None:
    """What holds is the configuration, not a file."""
    it, servers_ = Inside(tmp_path, WEB, panic=RULE), Servers()
    it.run_until(steps((nothing, lambda: values(it) == {"1"}), (servers_.put(CRITICAL), lambda: held(it))), servers_.on)
    after = Inside(tmp_path, WEB)
    after.run_until(lambda: values(after) == {"0"} and said(after, NAMES[0]) == (CRITICAL, ""), Servers(CRITICAL).on)


def test_a_failure_that_the_peer_shares_is_held_until_the_peer_is_healthy(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """And one that the peer does not share is told."""
    for name in ("_FRESH", "_PATIENCE"):
        monkeypatch.setattr(asked, name, 60.0)
    it = Inside(tmp_path, WEB, panic="pool: {of: web, window: 50, longest: 60, peers: true}")
    servers_, peer = Servers(), dict.fromkeys(NAMES, False)
    it.asks = [lambda: {name: Seen(healthy, 0, 0) for name, healthy in peer.items()}]
    it.run_until(
        steps(
            (nothing, lambda: values(it) == {"1"}),
            (servers_.put(CRITICAL, *NAMES[:2]), lambda: held(it, *NAMES[:2]) and said(it, GROUP)[0] == CRITICAL),
            (lambda: peer.update({NAMES[0]: True}), lambda: value(it, NAMES[0]) == "0"),
            (nothing, lambda: held(it, NAMES[1]) and value(it, NAMES[1]) == "1"),
            (servers_.put(OK), lambda: values(it) == {"1"} and said(it, GROUP)[0] == OK),
        ),
        servers_.on,
    )
    assert any("checks fail here and on all peers: what was told before" in line for line in it.said)
    assert any("the panic ends, as no failure is shared any more" in line for line in it.said)


CONFIGURED = """\
checks:
  one: {{check: file_state, file: {folder}/1, interval: 0.2}}
  two: {{check: file_state, file: {folder}/2, interval: 0.2}}
{panic}
"""


@pytest.mark.parametrize("end", ["kill", "without", "other", "same"])
def test_a_kill_fails_closed_and_a_reload_keeps_what_a_group_holds(tmp_path: Path, end: str) -> None:
    """The watchdog knows of no panic; without the group the failures are told."""
    files = [tmp_path / "1", tmp_path / "2"]
    for file in files:
        file.touch()
    names = "one", "two"
    configuration = CONFIGURED.format(folder=tmp_path, panic="panic: {pool: {of: [one, two], longest: 60}}")
    with agent(tmp_path, configuration) as running:
        running.must_come(lambda: [running.value(name) for name in names] == ["1", "1"])
        for file in files:
            file.unlink()
        running.must_come(lambda: running.has_said("what was told before is held for at most"))
        running.must_come(lambda: [running.state(name) for name in names] == ["CRITICAL"] * 2)
        assert [running.value(name) for name in names] == ["1", "1"]
        if end == "kill":
            running.process.send_signal(signal.SIGKILL)
        else:
            more = {"without": "", "other": "panic: {others: {of: [two, one, three], longest: 60}}"}
            third = f"  three: {{check: file_state, file: {tmp_path}, interval: 5}}\n"
            panic = more.get(end, "panic: {pool: {of: [one, two], longest: 60}}")
            running.configure(CONFIGURED.format(folder=tmp_path, panic=third + panic))
        if end in ("kill", "without"):
            running.must_come(lambda: [running.value(name) for name in names] == ["0", "0"])
            return
        running.must_come(lambda: running.has_said("reloaded: 3 checks"))
        until = time.monotonic() + 1
        while time.monotonic() < until:
            assert [running.value(name) for name in names] == ["1", "1"]
        words = [found.told for name in names if (found := running.verdict(name)) is not None]
        assert [word.partition("@")[0] for word in words] == ["panic0"] * 2


def test_what_an_agent_held_whose_verdict_no_longer_counts_is_not_held() -> None:
    """Nor a word that holds an unhealthy state; what still counts ends when its end comes."""
    (entry,) = entries(f"web: {{{FAST}, host: 127.0.0.1}}")
    for age, word, kept in ((0.5, "panic0", OK), (60, "panic0", None), (0.5, "panic2", None), (0.5, "panic1", None)):
        text = f"{word}@{boot() + 20:.0f}"
        last = verdict.decode("web", verdict.encode("port", Result(CRITICAL, "closed"), 1e9, 0.1, 1.25, text, "why"))
        last.stamp = last.read - age
        watch = Watch(entry)
        watch.take_over(last, 5)
        assert watch.told.kept == kept
        if kept is not None:
            assert watch.told.kept_until == pytest.approx(time.monotonic() + 20, abs=5)
            assert watch.told.word(time.monotonic()).startswith("panic0@")


def test_a_group_is_looked_at_soon_after_a_failure_and_seldom_when_its_time_is_spent() -> None:
    """Once a second, until a failure comes that may be held."""
    whens: list[float] = []
    driver = SimpleNamespace(away=None, at=lambda when, _call: whens.append(when))
    groups = Groups(driver, None, None, None)  # type: ignore[arg-type]
    it = groups._made(Group("pool", Rule(50, 1, 2), ("a", "b")))
    assert all(it.panic.resume(name, 1.5, 100) for name in "ab")
    groups._arm(it, 100)
    groups._arm(it, 100.01)
    assert whens == [100.1]
    assert it.panic.look(102) == ["a", "b"]
    it.armed = float("inf")
    groups._arm(it, 102)
    assert whens[1:] == [103]
    it.panic.held["a"] = 102  # as if there were time
    it.panic._spent = 1
    groups._arm(it, 102.5)
    assert whens[2:] == [102.6]
