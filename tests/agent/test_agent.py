"""Are the configured checks run again and again, each for itself, and judged as the operator said?"""

from __future__ import annotations

import asyncio
import os
import re
import shutil
from typing import TYPE_CHECKING

import pytest

from tests.agent.drive import Inside
from tests.agent.scripted import FAST, Script, states, value
from tests.servers import misbehaving as servers
from vipwarden.core.result import CRITICAL, OK, UNKNOWN, WARNING, Result, State
from vipwarden.state import paths, verdict

if TYPE_CHECKING:
    from pathlib import Path

    from vipwarden.config.entry import Entry
    from vipwarden.net.net import Net


def test_verdicts_are_published_again_and_again(tmp_path: Path) -> None:
    """At least each second there is a new stamp, and a change of state is told once."""
    with servers.listening() as good, servers.closed() as bad:
        inside = Inside(
            tmp_path,
            f"good: {{check: port, host: 127.0.0.1, port: {good.port}, interval: 0.1}}",
            f"bad: {{check: port, host: 127.0.0.1, port: {bad.port}, interval: 0.1}}",
        )
        stamps: set[float] = set()

        def three_times() -> bool:
            found = verdict.read(f"{inside.folder}/verdict/good")
            stamps.update({found.stamp} if found else ())
            return len(stamps) >= 3

        inside.run_until(three_times)
    assert states(inside) == {"bad": "CRITICAL", "good": "OK"}
    assert (value(inside, "good"), value(inside, "bad")) == ("1", "0")
    assert sorted(re.sub(r"127.*", "", line) for line in inside.said) == [
        "bad: first run -> CRITICAL: ",
        "good: first run -> OK: ",
    ]


def test_the_agent_has_a_verdict_of_its_own(tmp_path: Path) -> None:
    """What it runs, and how late."""
    inside = Inside(tmp_path, f"a: {{{FAST}}}", f"b: {{{FAST}, refused: ok}}")
    inside.run_until(
        lambda: (
            (found := own(inside)) is not None and "began" in found.result.text and "2 checks, 1" in found.result.text
        )
    )
    found = own(inside)
    assert found is not None
    names = [metric.name for metric in found.result.metrics]
    assert names == [
        "checks", "unhealthy", "runs", "answers", "late_p99", "stalls", "log_lines_dropped", "in_flight", "memory",
    ]  # fmt: skip


def own(inside: Inside) -> verdict.Verdict | None:
    """Return the agent's own verdict."""
    return verdict.read(f"{inside.folder}/verdict/{paths.file_name('vipwarden agent')}")


def test_a_check_that_hangs_does_not_hold_up_the_others(tmp_path: Path) -> None:
    """The mute server uses its whole time, while the other check goes on at its own interval."""
    with servers.mute() as silent, servers.greeting() as good:
        inside = Inside(
            tmp_path,
            f"slow: {{check: port, host: 127.0.0.1, port: {silent.port}, interval: 5, expect: hello}}",
            f"fast: {{check: port, host: 127.0.0.1, port: {good.port}, interval: 0.1, expect: SSH}}",
        )
        inside.run_until(lambda: good.accepted >= 8)
    assert states(inside) == {"fast": "OK"}


BUGS = [ZeroDivisionError("a bug"), SystemExit(3), RecursionError(), RuntimeError(), MemoryError(), GeneratorExit()]


@pytest.mark.parametrize("error", BUGS, ids=lambda error: type(error).__name__)
def test_a_check_that_breaks_is_unknown_and_goes_on(tmp_path: Path, error: BaseException) -> None:
    """Our own bug in one check is that check's verdict, and takes no other one down."""
    broken = Script(error)
    inside = Inside(tmp_path, f"bad: {{{FAST}}}", f"good: {{{FAST}, refused: ok}}")
    inside.run_until(lambda: broken.runs >= 3 and states(inside).get("good") == "OK", broken.on("bad"))
    assert states(inside) == {"bad": "UNKNOWN", "good": "OK"}
    assert any(
        f"bad: first run -> UNKNOWN: internal error in bad: {type(error).__name__}" in line for line in inside.said
    )


@pytest.mark.parametrize("what", ["file", "folder"])
def test_a_track_file_that_somebody_removes_is_written_again(tmp_path: Path, what: str) -> None:
    """By the next look at its check after a second, at most; so is one whose folder was replaced."""
    inside = Inside(tmp_path, f"web: {{{FAST}, refused: ok}}", "one: {any_of: [web]}")
    gone = False

    def written_again() -> bool:
        nonlocal gone
        there = (value(inside, "web"), value(inside, "one")) == ("1", "1")
        if there and not gone:
            gone = True
            shutil.rmtree(inside.folder / "track")
            if what == "file":
                (inside.folder / "track").mkdir()
            return False
        return there and gone

    inside.run_until(written_again)


@pytest.mark.parametrize("answer", [None, "fine", 0])
def test_a_check_without_a_result_is_unknown(tmp_path: Path, answer: object) -> None:
    """It fails closed."""

    async def odd(_net: Net, **_values: object) -> object:
        return answer

    def change(entries: list[Entry]) -> None:
        entries[0].function = odd  # type: ignore[assignment]

    inside = Inside(tmp_path, f"odd: {{{FAST}}}")
    inside.run_until(lambda: states(inside).get("odd") == "UNKNOWN", change)


@pytest.mark.parametrize("seconds", [0, 60])
def test_a_check_that_waits_for_asyncio_is_unknown(tmp_path: Path, seconds: float) -> None:
    """As for the commands, a check waits for its Net alone: the agent does not run it half, and no other one waits."""

    async def library(_net: Net, **_values: object) -> Result:
        await asyncio.sleep(seconds)
        return Result(OK, "never")

    def change(entries: list[Entry]) -> None:
        entries[0].function = library

    inside = Inside(tmp_path, f"library: {{{FAST}}}", f"plain: {{{FAST}, refused: ok}}")
    inside.run_until(lambda: len(states(inside)) == 2, change)
    assert states(inside) == {"library": "UNKNOWN", "plain": "OK"}
    assert any("waited for something other than its Net" in line for line in inside.said)


@pytest.mark.parametrize("expires", [False, True])
def test_a_check_may_pause(tmp_path: Path, expires: bool) -> None:
    """To the end of its time, but no longer."""

    async def pausing(net: Net, **_values: object) -> Result:
        await net.pause(5 if expires else 0.01)
        while expires:
            await net.pause(0.01)
        return Result(OK, "paused")

    def change(entries: list[Entry]) -> None:
        entries[0].function = pausing

    inside = Inside(tmp_path, f"pausing: {{{FAST}}}", f"plain: {{{FAST}, refused: ok}}")
    inside.run_until(lambda: len(states(inside)) == 2, change)
    assert states(inside) == {"pausing": "UNKNOWN" if expires else "OK", "plain": "OK"}
    assert any("did not end within its 0.1 s" in line for line in inside.said) is expires


@pytest.mark.parametrize(
    ("weight", "state", "wanted"),
    [
        ("ok=50, warning=20, critical=-10, unknown=-254", OK, "50"),
        ("ok=50, warning=20, critical=-10, unknown=-254", WARNING, "20"),
        ("ok=50, warning=20, critical=-10, unknown=-254", CRITICAL, "-10"),
        ("ok=50, warning=20, critical=-10, unknown=-254", UNKNOWN, "-254"),
        ("ok=50, critical=0", WARNING, "0"),
        ("critical=3", OK, "3"),
        ("load 0:2 = 100:0, critical=-253", OK, "50"),
        ("load 0.5:0.75 = 1:253, critical=0", OK, "253"),
        ("load 7:8 = 10:20, critical=0", OK, "10"),
        ("load 0:2 = 100:0, critical=-253", CRITICAL, "-253"),
        ("nothing 0:2 = 100:0, critical=-253, unknown=-7", OK, "-7"),
    ],
)
def test_a_track_file_may_hold_a_weight(tmp_path: Path, weight: str, state: State, wanted: str) -> None:
    """By state, or scaled by a metric between two ends."""
    script = Script(state)
    inside = Inside(tmp_path, f'web: {{{FAST}, weight: "{weight}"}}')
    values: set[str] = set()

    def noted() -> bool:
        if states(inside).get("web") == str(state):  # on a busy machine a run may be too late, and then UNKNOWN
            values.add(value(inside, "web"))
        return bool(values)

    inside.run_until(noted, script.on("web"))
    assert values == {wanted}


def test_a_check_may_have_no_track_file(tmp_path: Path) -> None:
    """Where only people look at it."""
    inside = Inside(tmp_path, f"quiet: {{{FAST}, track: false}}", f"loud: {{{FAST}}}")
    inside.run_until(lambda: len(states(inside)) == 2)
    assert value(inside, "quiet") == ""
    assert value(inside, "loud") == "0"


def test_a_folder_that_takes_no_verdicts_is_told_once_and_made_again(tmp_path: Path) -> None:
    """The checks go on meanwhile."""
    inside = Inside(tmp_path, f"web: {{{FAST}, refused: ok}}")
    gone = False

    def made_again() -> bool:
        nonlocal gone
        there = bool(states(inside))
        if there and not gone:
            gone = True
            shutil.rmtree(inside.folder / "verdict")
            return False
        return there and gone

    inside.run_until(made_again)
    said = [line for line in inside.said if not line.startswith("web: first run")]
    assert said == [f"cannot write in {inside.folder}/verdict: No such file or directory"]


def test_what_was_left_over_is_swept_at_the_start(tmp_path: Path) -> None:
    """Verdicts, locks and half-written files of commands, but nothing younger than a quarter of an hour."""
    folder = tmp_path / "run" / "verdict"
    folder.mkdir(parents=True)
    for name in ("old", ".old.lock", ".7.half", "young"):
        (folder / name).write_text("vipwarden-1 0 1.00 1.000 0.100000 port\nopen\n")
        if name != "young":
            os.utime(folder / name, (1, 1))
    inside = Inside(tmp_path, f"web: {{{FAST}}}")
    inside.run_until(lambda: states(inside).get("web"))
    assert {path.name for path in folder.iterdir()} == {"web", "young", paths.file_name("vipwarden agent")}


def test_every_run_of_one_tick_shares_one_look(tmp_path: Path) -> None:
    """A hundred process checks read the list of processes once a tick, not a hundred times."""
    looks: list[object] = []

    async def looking(net: Net, **_values: object) -> Result:
        looks.append(net.once("proc", object))
        return Result(OK, "looked")

    def change(entries: list[Entry]) -> None:
        for entry in entries:
            entry.function = looking

    inside = Inside(tmp_path, *(f"c{number}: {{{FAST}}}" for number in range(60)))
    inside.run_until(lambda: len(looks) > 400, change)
    assert len(set(map(id, looks))) < len(looks) / 3
