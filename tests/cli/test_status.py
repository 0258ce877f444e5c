"""Does the table of the last verdicts say which of them count, and fit its terminal?"""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

import pytest

from cli.status import as_json, as_text, span
from vipwarden.core.result import CRITICAL, OK, UNKNOWN, WARNING, Result
from vipwarden.state import paths
from vipwarden.state.clock import boot
from vipwarden.state.table import Row, rows, worst
from vipwarden.state.verdict import encode

if TYPE_CHECKING:
    from pathlib import Path


def verdict(folder: Path, name: str, state: int, age: float, ttl: float = 0) -> None:
    """Write a verdict of an age in seconds."""
    (folder / "verdict").mkdir(exist_ok=True)
    end = f" {ttl}" if ttl else ""
    line = f"vipwarden-1 {state} {boot() - age:.2f} {time.time() - age:.3f} 0.1 port{end}\n"
    (folder / "verdict" / name).write_text(f"{line}{name} answered\n")


def test_what_counts_stands_first_and_the_worst_of_it_is_the_exit_code(tmp_path: Path) -> None:
    """A stale verdict is unknown, one past its minute does not count, and one left over is not shown."""
    verdict(tmp_path, "good", 0, 1)
    verdict(tmp_path, "slow", 1, 1, ttl=5)
    verdict(tmp_path, "stale", 0, 30, ttl=5)
    verdict(tmp_path, "past", 2, 100)
    verdict(tmp_path, "left", 2, 2000)
    table = rows(str(tmp_path))
    assert [(row.name, row.state, row.counts) for row in table] == [
        ("stale", UNKNOWN, True), ("slow", WARNING, True), ("good", OK, True), ("past", CRITICAL, False),
    ]  # fmt: skip
    assert table[0].text.startswith("stale, no agent looks at it any more: no verdict for ")
    assert worst(table) == UNKNOWN
    assert worst(table[1:]) == WARNING
    assert worst([]) == UNKNOWN
    assert [check["counts"] for check in as_json(table)["checks"]] == [True, True, True, False]  # type: ignore[attr-defined]


def test_maintenance_is_said_before_the_text(tmp_path: Path) -> None:
    """And stands by itself in the JSON; the state is the check's own."""
    (tmp_path / "verdict").mkdir()
    for name, told in (("web", "drain"), ("db", "")):
        data = encode("port", Result(CRITICAL, "it is down"), 1e9, 0.1, 60, told, "in maintenance until tomorrow")
        (tmp_path / "verdict" / name).write_bytes(data)
    table = rows(str(tmp_path))
    texts = {row.name: (row.state, row.text) for row in table}
    assert texts == {"web": (CRITICAL, "in maintenance until tomorrow: it is down"), "db": (CRITICAL, "it is down")}
    said = {check["name"]: check["maintenance"] for check in as_json(table)["checks"]}  # type: ignore[attr-defined]
    assert said == {"web": "in maintenance until tomorrow", "db": None}


def test_the_table_is_cut_at_the_width_and_colours_the_state_alone() -> None:
    """What does not count is in brackets, without a colour."""
    now = time.time()
    table = [
        Row("web", "port", CRITICAL, now - 90, 0.4, "closed " * 30, counts=True),
        Row("old", "port", OK, None, None, "open", counts=False),
    ]
    head, first, second = as_text(table, width=40, colour=False).splitlines()
    assert head == "NAME  STATE     SINCE   AGE   TEXT"
    assert first == "web   CRITICAL  1m 30s  0.4s  closed clo"
    assert second == "old   (OK)                    open"
    coloured = as_text(table, width=0, colour=True)
    assert coloured.count("\x1b") == 2
    assert "\x1b[1;31mCRITICAL\x1b[0m  1m 30s" in coloured


@pytest.mark.parametrize(
    ("seconds", "text"),
    [(-1, "in the future"), (0.04, "0.0s"), (12.7, "12s"), (60, "1m 0s"), (3600, "1h 0m"), (200_000, "2d 7h")],
)
def test_a_duration_has_its_two_largest_units(seconds: float, text: str) -> None:
    """Tenths below ten seconds."""
    assert span(seconds) == text


def test_another_user_learns_where_the_verdicts_of_root_are(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Where root's agent has published some, and this user's has not."""
    monkeypatch.setattr(paths, "ROOT", str(tmp_path))
    monkeypatch.setattr(paths, "runtime", lambda: "/tmp/vipwarden-1000")
    assert as_text([], width=0, colour=False).endswith("below /tmp/vipwarden-1000: is an agent running?\n")
    (tmp_path / "verdict").mkdir()
    assert as_text([], width=0, colour=False).endswith(f" is shown by VIPWARDEN_RUNTIME_DIR={tmp_path}\n")
    monkeypatch.setattr(paths, "runtime", lambda: str(tmp_path))
    assert as_text([], width=0, colour=False).endswith("is an agent running?\n")
