"""Are record and copy of a maintenance one thing, whatever stops who writes or removes them?"""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

import pytest

from vipwarden.state import files, paths
from vipwarden.state.maintained import path, read_all, read_copies, remove, restore, write
from vipwarden.state.maintenance import CHECK, Maintenance, encode

if TYPE_CHECKING:
    from pathlib import Path


@pytest.fixture(name="copies")
def _copies(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    """Return the folder of the copies."""
    monkeypatch.setattr(paths, "maintenance", lambda **_: f"{tmp_path}/state/maintenance")
    monkeypatch.setattr(paths, "maintained", lambda _top="": f"{tmp_path}/run/maintenance")
    return tmp_path / "run" / "maintenance"


def record(lasts: float = 60, name: str = "web") -> Maintenance:
    """Return a maintenance that begins now."""
    now = time.time()
    return Maintenance(CHECK, name, "alice", "disks", now, now + lasts)


@pytest.mark.parametrize("is_known", [False, True])
def test_a_copy_that_cannot_be_written_changes_nothing(copies: Path, is_known: bool) -> None:
    """The agent would follow a record of which the command said that it was not written."""
    before = []
    if is_known:
        write(record(600))
        before = read_all()
    copies.parent.mkdir(exist_ok=True)
    for copy in copies.iterdir() if is_known else ():
        copy.unlink()
    if is_known:
        copies.rmdir()
    copies.write_text("no folder")
    with pytest.raises(OSError, match="Not a directory") as caught:
        write(record())
    assert caught.value.filename.startswith(f"{copies}/")
    assert read_all() == before


def test_a_record_that_cannot_be_removed_keeps_its_copy(copies: Path) -> None:
    """Else commands would end a maintenance that the agent goes on with."""
    web = record()
    write(web)
    files.write(path(record(name="other")), b"")
    place = copies.parents[1] / "state" / "maintenance" / path(web).rpartition("/")[2]
    place.unlink()
    place.mkdir()
    with pytest.raises(OSError, match="Is a directory"):
        remove(web)
    assert read_copies() == [web]


def test_what_a_killed_command_left_is_mended(copies: Path) -> None:
    """A copy that is missing, one that is older, one without a record, one that is torn."""
    missing, older, without, torn = (record(600, name) for name in ("missing", "older", "without", "torn"))
    for each in (missing, older, without, torn):
        write(each)
    (copies / path(missing).rpartition("/")[2]).unlink()
    files.write(f"{copies}/{path(older).rpartition('/')[2]}", encode(record(60, "older")))
    (copies.parents[1] / "state" / "maintenance" / path(without).rpartition("/")[2]).unlink()
    (copies / path(torn).rpartition("/")[2]).write_bytes(encode(torn)[:20])
    restore(read_all())
    assert {each.name: each.until for each in read_copies()} == pytest.approx(
        {each.name: each.until for each in (missing, older, torn)}, abs=0.01
    )


def test_copies_stay_where_the_records_cannot_be_listed(copies: Path) -> None:
    """A disk that is not there ends no maintenance of commands."""
    web = record()
    write(web)
    state = copies.parents[1] / "state"
    state.rename(state.with_name("gone"))
    restore(read_all())
    assert read_copies() == [web]
