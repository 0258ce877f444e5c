"""Are the configured checks run again and again, each for itself, and judged as the operator said?"""

from __future__ import annotations

import asyncio
import os
import re
import shutil
from typing import TYPE_CHECKING

import pytest

from tests.agent.drive import Inside
from tests.servers import misbehaving as servers
from vipwarden.core.result import CRITICAL, OK, UNKNOWN, WARNING, Metric, Result, State
from vipwarden.state import paths, verdict

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from vipwarden.config.entry import Entry
    from vipwarden.net.net import Net

FAST = "check: port, host: 127.0.0.1, port: 1, interval: 0.1"


def states(inside: Inside) -> dict[str, str]:
    """Return the states of all verdicts but the agent's own."""
    found = verdict.read_all(f"{inside.folder}/verdict")
    return {one.name: str(one.result.state) for one in found if one.check != "agent"}


def value(inside: Inside, name: str) -> str:
    """Return what stands in a track file, or stood there when the agent was told to end."""
    if inside.tracks is not None:
        return inside.tracks.get(name, "")
    path = inside.folder / "track" / name
    return path.read_text().strip() if path.exists() else ""


class Script:
    """A check that gives one result after the other, and the last one from then on."""

    def __init__(self, *results: State | BaseException) -> None:
        self.results = list(results)
        self.runs = 0

    async def __call__(self, _net: Net, **_values: object) -> Result:
        """Give the next result."""
        result = self.results[min(self.runs, len(self.results) - 1)]
        self.runs += 1
        if isinstance(result, BaseException):
            raise result
        return Result(result, f"result {self.runs}", [Metric("load", self.runs)])

    def on(self, name: str) -> Callable[[list[Entry]], None]:
        """Put it in the place of the function of an entry."""

        def change(entries: list[Entry]) -> None:
            next(entry for entry in entries if entry.name == name).function = self

        return change


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


def test_rise_and_fall_count_results_in_a_row(tmp_path: Path) -> None:
    """The first result acts at once; then two failures in three are not three, and two good ones bring it back."""
    bad, good = CRITICAL, OK
    script = Script(good, bad, bad, good, bad, bad, bad, good, bad, good, good)
    inside = Inside(tmp_path, f"web: {{{FAST}, fall: 3, rise: 2}}")
    inside.run_until(lambda: script.runs > 11, script.on("web"))
    assert inside.said == [
        "web: first run -> OK: result 1",
        "web: OK -> CRITICAL: result 7",
        "web: CRITICAL -> OK: result 11",
    ]


def test_what_speaks_against_a_verdict_is_told_in_its_text(tmp_path: Path) -> None:
    """Before it changes the state."""
    script = Script(OK, CRITICAL, CRITICAL, OK)
    inside = Inside(tmp_path, f"web: {{{FAST}, fall: 3}}")
    texts: list[str] = []

    def noted() -> bool:
        found = verdict.read(f"{inside.folder}/verdict/web")
        texts.extend([found.result.text] if found else [])
        return "2 of 3 results against OK: result 3" in texts

    inside.run_until(noted, script.on("web"))
    assert "1 of 3 results against OK: result 2" in texts


def test_warning_is_unhealthy_unless_it_is_said_to_be_healthy(tmp_path: Path) -> None:
    """As the chk_ commands have it."""
    script = Script(WARNING)
    inside = Inside(tmp_path, f"strict: {{{FAST}}}", f"lax: {{{FAST}, healthy: warning}}")

    def change(entries: list[Entry]) -> None:
        for entry in entries:
            entry.function = script

    inside.run_until(lambda: len(states(inside)) == 2, change)
    assert (value(inside, "strict"), value(inside, "lax")) == ("0", "1")


def test_a_failed_run_is_repeated_at_once(tmp_path: Path) -> None:
    """As often as retry says, before it counts; what is unhealthy already is not."""
    script = Script(CRITICAL, CRITICAL, OK, CRITICAL, OK, CRITICAL, CRITICAL, CRITICAL, CRITICAL)
    inside = Inside(tmp_path, "web: {check: port, host: 127.0.0.1, port: 1, interval: 0.3, retry: 2}")
    inside.run_until(lambda: script.runs >= 9, script.on("web"))
    assert inside.said == ["web: first run -> OK: result 3", "web: OK -> CRITICAL: result 8"]


def test_a_verdict_that_is_about_to_change_is_looked_at_faster(tmp_path: Path) -> None:
    """By fast_interval: ten failures more take a second in place of ten."""
    script = Script(OK, CRITICAL)
    times: list[float] = []
    inside = Inside(tmp_path, "web: {check: port, host: 127.0.0.1, port: 1, interval: 1, fast_interval: 0.1, fall: 11}")

    async def timed(net: Net, **values: object) -> Result:
        times.append(asyncio.get_running_loop().time())
        return await script(net, **values)

    def change(entries: list[Entry]) -> None:
        entries[0].function = timed

    inside.run_until(lambda: states(inside).get("web") == "CRITICAL", change)
    assert times[11] - times[1] < 8


def test_the_worst_the_best_or_so_many_of_several_count(tmp_path: Path) -> None:
    """In one verdict, with who is not healthy in its text."""
    inside = Inside(
        tmp_path,
        f"good: {{{FAST}, refused: ok}}",
        f"warned: {{{FAST}, refused: warning}}",
        f"bad: {{{FAST}}}",
        "every: {all_of: [good, bad]}",
        "some: {any_of: [good, warned, bad]}",
        "two: {at_least: 2, of: [good, warned, bad]}",
        "one: {at_least: 1, of: [bad, some]}",
    )
    inside.run_until(lambda: len(states(inside)) == 7)
    assert {name: states(inside)[name] for name in ("every", "some", "two", "one")} == {
        "every": "CRITICAL", "some": "OK", "two": "WARNING", "one": "OK",
    }  # fmt: skip
    assert (value(inside, "every"), value(inside, "some"), value(inside, "two")) == ("0", "1", "0")
    found = verdict.read(f"{inside.folder}/verdict/two")
    assert found is not None
    assert found.result.text == "1 of 3 healthy, 2 needed: warned is WARNING, bad is CRITICAL"
    assert found.check == "at_least"


def test_what_needs_another_is_asked_only_when_that_is_healthy(tmp_path: Path) -> None:
    """Until then it is UNKNOWN and says why; it is asked at once when the other one recovers."""
    gateway = Script(*[CRITICAL] * 20, OK)
    page = Script(OK)
    inside = Inside(
        tmp_path,
        f"gateway: {{{FAST}}}",
        "page: {check: port, host: 127.0.0.1, port: 1, interval: 60, timeout: 1, only_if: gateway}",
    )

    def change(entries: list[Entry]) -> None:
        gateway.on("gateway")(entries)
        page.on("page")(entries)

    inside.run_until(lambda: states(inside).get("page") == "OK", change)
    assert inside.said == [
        "gateway: first run -> CRITICAL: result 1",
        "page: first run -> UNKNOWN: not asked: only_if gateway, which is CRITICAL",
        "gateway: CRITICAL -> OK: result 21",
        "page: UNKNOWN -> OK: result 1",
    ]
    assert page.runs == 1


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
