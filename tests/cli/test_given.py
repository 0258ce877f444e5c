"""Is a track file that says FAULT taken back whatever happens to the command?"""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

import pytest

from cli.given import BusyError, GivenError, given
from vipwarden.state.handover import read_all

if TYPE_CHECKING:
    from pathlib import Path


def _value(folder: Path) -> str:
    return (folder / "handover" / "VI_1").read_text().strip()


def _until_taken_back(folder: Path) -> None:
    while not (folder / "handover" / "VI_1").exists() or _value(folder) != "0":
        time.sleep(0.01)


def test_it_stays_where_all_goes_well(tmp_path: Path) -> None:
    """And while it is so, nobody else hands over."""
    path = f"{tmp_path}/handover/VI_1"
    with given(path, 60):
        assert _value(tmp_path) == "-254"
        with pytest.raises(BusyError, match="another vipwarden handover"), given(path, 60):
            pass
    assert _value(tmp_path) == "-254"
    (found,) = read_all(str(tmp_path))
    assert found.instance == "VI_1"
    assert found.since == pytest.approx(time.time(), abs=60)


def test_it_is_taken_back_where_something_fails(tmp_path: Path) -> None:
    """Before the error goes on."""
    with pytest.raises(KeyboardInterrupt), given(f"{tmp_path}/handover/VI_1", 60):
        raise KeyboardInterrupt
    assert _value(tmp_path) == "0"
    assert read_all(str(tmp_path)) == []


def test_it_is_taken_back_where_the_command_was_stopped(tmp_path: Path) -> None:
    """After the time that was given; then nothing was handed over."""
    with pytest.raises(GivenError, match="stopped meanwhile"), given(f"{tmp_path}/handover/VI_1", 0.01):
        _until_taken_back(tmp_path)


@pytest.mark.parametrize("content", ["", "0\n", "x\n", "\xff" * 99])
def test_what_is_no_hand_over(tmp_path: Path, content: str) -> None:
    """An empty or broken file is read as keepalived reads it."""
    folder = tmp_path / "handover"
    folder.mkdir()
    (folder / "VI_1").write_text(content)
    (folder / "folder").mkdir()
    assert read_all(str(tmp_path)) == []
