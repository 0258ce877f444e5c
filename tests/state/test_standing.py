"""Does a verdict still say anything, and is what is left over swept away?"""

from __future__ import annotations

import os
import time
from typing import TYPE_CHECKING

import pytest
from hypothesis import given
from hypothesis import strategies as st

from vipwarden.core.result import Result, State
from vipwarden.state.standing import FRESH, FUTURE, LEFT, LEFT_AFTER, PAST, STALE, standing, sweep
from vipwarden.state.verdict import Verdict, now, publish, read_all

if TYPE_CHECKING:
    from pathlib import Path


def verdict(age: float, promise: float = 0, state: State = State.OK) -> Verdict:
    """Return one that was that old when it was read."""
    made = Verdict("web", "port", Result(state, "open"), 1.0, 0.0, 0.1, promise)
    made.stamp = made.read - age
    return made


@pytest.mark.parametrize(
    ("age", "promise", "word", "state", "text"),
    [
        (0, 2, FRESH, State.OK, "open"),
        (1.99, 2, FRESH, State.OK, "open"),
        (2.5, 2, STALE, State.UNKNOWN, "no verdict for 2 s; it was OK: open"),
        (300, 2, STALE, State.UNKNOWN, "no verdict for 5 min; it was OK: open"),
        (1e6, 2, STALE, State.UNKNOWN, "no verdict for 11 d; it was OK: open"),
        (-1, 2, FUTURE, State.UNKNOWN, "it is dated into the future; it said OK: open"),
        (-1, 0, FUTURE, State.UNKNOWN, "it is dated into the future; it said OK: open"),
        (59, 0, FRESH, State.OK, "open"),
        (61, 0, PAST, State.OK, "open"),
        (901, 0, LEFT, State.OK, "open"),
        (901, 1000, FRESH, State.OK, "open"),
    ],
)
def test_a_verdict_speaks_for_as_long_as_was_promised(
    age: float, promise: float, word: str, state: State, text: str
) -> None:
    """Or, where nobody promised anything, for a while."""
    found = standing(verdict(age, promise))
    assert (found.word, found.state, found.text) == (word, state, text)


@given(
    st.floats(-1e9, 1e9),
    st.floats(0, 1e9),
    st.sampled_from((State.OK, State.WARNING, State.CRITICAL, State.UNKNOWN)),
)
def test_nothing_that_is_not_believed_is_ok(age: float, promise: float, state: State) -> None:
    """And what is believed says what it said."""
    made = verdict(age, promise, state)
    found = standing(made)
    assert found.state == (state if found.is_believed else State.UNKNOWN)
    assert found.is_believed == (made.age >= 0 and (not promise or made.age <= promise))


def test_a_slow_reader_makes_no_verdict_stale() -> None:
    """What counts is how old it was when it was read."""
    made = Verdict("web", "port", Result(State.OK, "open"), 1.0, now() - 1, 0.1, 1.01)
    time.sleep(0.02)
    assert standing(made).word == FRESH


def age_files(folder: Path, seconds: float) -> None:
    """Let all that is there have been written so long ago."""
    for path in folder.iterdir():
        before = path.stat().st_mtime
        os.utime(path, (before - seconds, before - seconds))


def test_a_new_name_sweeps_away_what_is_left_over(tmp_path: Path) -> None:
    """With its lock; but not what was promised to go on, what is young, and what is no verdict."""
    long_ago = now() - LEFT_AFTER - 1
    for name, stamp, promise in (
        ("by-hand", long_ago, ""),
        ("rebooted", now() + 1e6, ""),
        ("agent", long_ago, " 2.00"),
        ("young", now() - 1, ""),
    ):
        (tmp_path / name).write_text(f"vipwarden-1 2 {stamp:.2f} 1 1 port{promise}\nclosed\n")
        (tmp_path / f".{name}.lock").touch()
    (tmp_path / "notes").write_text("of somebody\n")
    publish(str(tmp_path), "first", "port", Result(State.OK, "open"), 0.1)
    assert (tmp_path / "by-hand").exists()  # the files are young
    age_files(tmp_path, LEFT_AFTER + 10)
    publish(str(tmp_path), "first", "port", Result(State.OK, "open"), 0.1)
    assert (tmp_path / "by-hand").exists()  # no new name
    age_files(tmp_path, LEFT_AFTER + 10)
    publish(str(tmp_path), "second", "port", Result(State.OK, "open"), 0.1)
    left = sorted(path.name for path in tmp_path.iterdir())
    kept = ["agent", "young"]
    assert left == sorted([*kept, *(f".{name}.lock" for name in kept), "first", "notes", "second"])


def test_a_thousand_names_leave_no_thousand_files(tmp_path: Path) -> None:
    """A port that differs each time is part of the name."""
    for number in range(300):
        publish(str(tmp_path), f"chk_port -p {number}", "port", Result(State.CRITICAL, "closed"), 0.1)
        for path in tmp_path.iterdir():
            text = path.read_text().split(" ")
            path.write_text(" ".join([*text[:2], f"{now() - LEFT_AFTER - 1:.2f}", *text[3:]]))
        age_files(tmp_path, LEFT_AFTER + 10)
    assert len(read_all(str(tmp_path))) == 1


def test_what_cannot_be_swept_stays(tmp_path: Path) -> None:
    """A folder that is gone, or a file that is."""
    sweep(f"{tmp_path}/none")
    (tmp_path / "folder").mkdir()
    age_files(tmp_path, LEFT_AFTER + 10)
    sweep(str(tmp_path))
    assert (tmp_path / "folder").exists()
