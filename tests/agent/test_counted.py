"""Which results make a verdict, of one check or of several together?"""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

from tests.agent.drive import Inside
from tests.agent.scripted import FAST, Script, states, value
from vipwarden.core.result import CRITICAL, OK, WARNING, Result
from vipwarden.state import verdict

if TYPE_CHECKING:
    from pathlib import Path

    from vipwarden.config.entry import Entry
    from vipwarden.net.net import Net


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
