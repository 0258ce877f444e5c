"""What is exported of the verdicts that checks published?"""

from __future__ import annotations

import math
import os
from typing import TYPE_CHECKING

import pytest
from prometheus_client.parser import text_string_to_metric_families

from exporter.render.exposition import render
from exporter.settings import Settings, settings
from exporter.source import AbsentError
from exporter.sources.checks import source as checks
from tests.exporter.running import samples
from vipwarden.core.result import Metric, Result, State
from vipwarden.state.clock import boot
from vipwarden.state.files import ready, write
from vipwarden.state.publish import publish
from vipwarden.state.verdict import encode

if TYPE_CHECKING:
    from pathlib import Path

Series = dict[tuple[str, tuple[str, ...]], float]


def known(*folders: str) -> Settings:
    """Return settings with those folders."""
    return settings(verdicts=folders)


def exported(*folders: str) -> Series:
    """Return what is exported, as read by the parser of Prometheus."""
    return samples(render(checks.series(checks.read(known(*folders)))).decode())


def say(folder: Path, name: str, state: State, *measured: Metric, check: str = "port") -> None:
    """Publish a verdict."""
    ready(str(folder))
    publish(str(folder), name, check, Result(state, "said", measured), 0.25)


def test_only_ok_is_a_success(tmp_path: Path) -> None:
    """As keepalived counts it: a WARNING is none."""
    for state in (State.OK, State.WARNING, State.CRITICAL, State.UNKNOWN):
        say(tmp_path / "v", str(state), state)
    found = exported(f"{tmp_path}/v")
    names = ("OK", "WARNING", "CRITICAL", "UNKNOWN")
    assert [found["vipwarden_check_state", (name, "port")] for name in names] == [0, 1, 2, 3]
    assert [found["vipwarden_check_success", (name, "port")] for name in names] == [1, 0, 0, 0]
    assert {found["vipwarden_check_duration_seconds", (name, "port")] for name in names} == {0.25}


def test_a_check_that_runs_on_and_on_promises_its_next_verdict(tmp_path: Path) -> None:
    """One that is run by others does not: for how long it speaks nobody knows."""
    say(tmp_path / "v", "once", State.OK)
    write(f"{tmp_path}/v/often", encode("port", Result(State.OK, "said"), 1e9, 0.25, 12.5))
    found = exported(f"{tmp_path}/v")
    promises = {key[1]: value for key, value in found.items() if key[0] == "vipwarden_check_promise_seconds"}
    assert promises == {("often", "port"): 12.5}
    assert found["vipwarden_check_since_timestamp_seconds", ("often", "port")] == 1e9


def test_a_verdict_whose_promise_is_broken_is_no_success(tmp_path: Path) -> None:
    """Nor one from the future: its state is UNKNOWN, and what it measured is of the past."""
    folder = tmp_path / "v"
    folder.mkdir()
    for name, stamp, promise in (
        ("dead", boot() - 3, " 2.00"),
        ("alive", boot() - 1, " 2.00"),
        ("future", boot() + 900, ""),
        ("hand", boot() - 100, ""),
        ("left", boot() - 1000, ""),
    ):
        (folder / name).write_text(f"vipwarden-1 0 {stamp:.2f} 1 0.1 port{promise}\nopen\ntime\t0.5\ts\t\t\t\t\n")
    found = exported(str(folder))
    names = ("dead", "alive", "future", "hand")

    def values(metric: str) -> list[float]:
        return [found[f"vipwarden_check_{metric}", (name, "port")] for name in names]

    assert values("success") == [0, 1, 0, 1]
    assert values("state") == [3, 0, 3, 0]
    assert values("fresh") == [0, 1, 0, 1]
    assert not any("left" in key[1] for key in found)
    measured = {key[1][0] for key in found if key[0] == "vipwarden_check_metric"}
    assert measured == {"alive", "hand"}


def test_several_folders_are_read_and_missing_ones_are_none(tmp_path: Path) -> None:
    """Those of root's checks and of the agent, for instance."""
    say(tmp_path / "a", "one", State.OK)
    say(tmp_path / "b", "two", State.CRITICAL, check="process")
    found = exported(f"{tmp_path}/a", f"{tmp_path}/gone", f"{tmp_path}/b")
    assert found["vipwarden_check_state", ("one", "port")] == 0
    assert found["vipwarden_check_state", ("two", "process")] == 2
    with pytest.raises(AbsentError, match=f"in {tmp_path}/gone or {tmp_path}/none yet"):
        checks.read(known(f"{tmp_path}/gone", f"{tmp_path}/none"))


def test_metrics_carry_their_units_and_only_numbers(tmp_path: Path) -> None:
    """The same name twice is one series; what is no number is none."""
    say(
        tmp_path / "v",
        "web",
        State.OK,
        Metric("time", 0.5, "s"),
        Metric("size", 3, "B"),
        Metric("size", 4, "B"),
        Metric("lost", math.nan, "%"),
        Metric("left", math.inf, "s"),
    )
    found = exported(f"{tmp_path}/v")
    measured = {key[1][2:]: value for key, value in found.items() if key[0] == "vipwarden_check_metric"}
    assert measured == {("time", "s"): 0.5, ("size", "B"): 4, ("left", "s"): math.inf}


def test_hostile_names_stay_labels(tmp_path: Path) -> None:
    """Quotes, backslashes, newlines and bytes that are no Unicode, in names of files and of metrics."""
    say(tmp_path / "v", 'a"b\\c\nd', State.OK, Metric('m"\\\n', 1), check='che"ck\\')
    (tmp_path / "v" / os.fsdecode(b"\xff")).write_bytes(next((tmp_path / "v").iterdir()).read_bytes())
    text = render(checks.series(checks.read(known(f"{tmp_path}/v")))).decode()
    states = [
        sample.labels
        for family in text_string_to_metric_families(text)
        for sample in family.samples
        if sample.name == "vipwarden_check_state"
    ]
    assert [one["check"] for one in states] == ['che"ck\\', 'che"ck\\']
    assert len({one["name"] for one in states}) == 2


def test_torn_and_foreign_files_have_no_series(tmp_path: Path) -> None:
    """And the others are exported all the same; nothing that is no file holds the scrape up."""
    say(tmp_path / "v", "web", State.OK)
    whole = (tmp_path / "v" / "web").read_bytes()
    (tmp_path / "v" / "torn").write_bytes(whole[:20])
    (tmp_path / "v" / "other").write_bytes(b"\0" * 100)
    (tmp_path / "v" / "link").symlink_to(tmp_path / "v" / "web")
    (tmp_path / "v" / "folder").mkdir()
    os.mkfifo(tmp_path / "v" / "fifo")
    found = exported(f"{tmp_path}/v")
    assert {key[1][0] for key in found} == {"web"}
