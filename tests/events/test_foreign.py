"""What does the recorder make of a folder in which somebody else was: other files, another recorder, another owner?"""

from __future__ import annotations

import errno
import os
import shutil
from pathlib import Path

import pytest

from tests.commands import BIN, environment, needs_namespaces, run, shell
from tests.events.make import some
from vipwarden.events.read import read
from vipwarden.events.segments import BusyError, Segments
from vipwarden.events.stored import numbers, path_of
from vipwarden.events.tail import Tail


def texts(folder: Path) -> list[str]:
    """Return what is recorded."""
    return [it.text for it in read(str(folder))]


@pytest.mark.parametrize("make", ["fifo", "folder", "link", "endless", "nothing"])
@pytest.mark.parametrize("number", [1, 7])
def test_what_is_no_plain_file_is_no_segment(tmp_path: Path, make: str, number: int) -> None:
    """Before the segments that are there or behind them: it keeps neither writer nor reader, and stays."""
    folder = tmp_path / "state" / "events"
    folder.mkdir(parents=True)
    (folder / "0000000005.jsonl").write_bytes(some(2))
    odd = Path(path_of(str(folder), number))
    if make == "fifo":
        os.mkfifo(odd)
    elif make == "folder":
        odd.mkdir()
    else:
        odd.symlink_to({"link": "/etc/passwd", "endless": "/dev/zero", "nothing": "/nonexistent"}[make])
    segments = Segments(str(folder))
    segments.add(some(1, 2))
    segments.close()
    assert texts(folder) == ["0", "1", "2"]
    assert texts(folder) == [it.text for it in Tail(str(folder), "0-0").more()]
    assert [it.text for it in read(str(folder), 1.0)] == ["0", "1", "2"]
    assert odd.is_symlink() or odd.exists()


def test_the_end_of_a_segment_alone_is_looked_at(tmp_path: Path) -> None:
    """A file system that has lost gigabytes leaves NULs: the recorder starts, and goes on behind them."""
    folder = tmp_path / "state" / "events"
    folder.mkdir(parents=True)
    torn = folder / "0000000001.jsonl"
    torn.write_bytes(some(2))
    os.truncate(torn, 8 << 30)
    segments = Segments(str(folder), 16 << 30)
    segments.add(some(1, 2))
    segments.close()
    assert numbers(str(folder)) == [1, 2]
    assert Path(path_of(str(folder), 2)).read_bytes().count(b"\n") == 1


@pytest.mark.parametrize("change", ["emptied", "torn", "grown", "moved", "replaced"])
def test_a_segment_that_somebody_changes_is_left(tmp_path: Path, change: str) -> None:
    """As logrotate's copytruncate does it: each event that comes after is whole."""
    folder = tmp_path / "state" / "events"
    segments = Segments(str(folder))
    segments.add(some(2))
    path = Path(path_of(str(folder), 1))
    if change in ("emptied", "torn"):
        os.truncate(path, 0 if change == "emptied" else 50)
    elif change == "grown":
        with path.open("ab") as segment:
            segment.write(b'{"torn')
    elif change == "moved":
        path.rename(tmp_path / "away")
    else:
        folder.rename(tmp_path / "away")
        folder.mkdir()
    segments.add(some(2, 2))
    segments.add(some(1, 4))
    segments.close()
    assert texts(folder)[-3:] == ["2", "3", "4"]


def test_a_recorder_whose_folder_was_removed_gives_way_to_another(tmp_path: Path) -> None:
    """The lock went with the folder: two would write into one segment. When the other has gone, it goes on."""
    folder = tmp_path / "state" / "events"
    first = Segments(str(folder))
    first.add(some(1))
    shutil.rmtree(folder)
    second = Segments(str(folder))
    second.add(some(1, 1))
    for _ in range(2):
        with pytest.raises(BusyError, match="another recorder"):
            first.add(some(1, 2))
    second.add(some(1, 3))
    second.close()
    first.add(some(1, 4))
    first.close()
    assert texts(folder) == ["1", "3", "4"]


def test_an_oldest_segment_that_cannot_be_removed_holds_nothing_up(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As one with chattr +i: it stays, and the next makes room."""
    folder = tmp_path / "state" / "events"
    segments = Segments(str(folder), 1 << 20)
    unlink = os.unlink

    def immutable(path: str) -> None:
        if path.endswith("0000000001.jsonl"):
            raise PermissionError(errno.EPERM, "Operation not permitted", path)
        unlink(path)

    monkeypatch.setattr(os, "unlink", immutable)
    for begin in range(0, 8000, 100):
        segments.add(some(100, begin))
    segments.close()
    assert texts(folder)[0] == "0"
    assert texts(folder)[-1] == "7999"
    assert numbers(str(folder))[1] > 2


@pytest.mark.parametrize("wrong", ["owner", "file"])
def test_a_folder_that_cannot_be_used_is_named(tmp_path: Path, wrong: str) -> None:
    """With what is wanted of it."""
    needs_namespaces()
    folder = tmp_path / "state" / "events"
    folder.mkdir(parents=True)
    if wrong == "owner":
        os.chown(folder, 1000, 1000)
    else:
        folder.rmdir()
        folder.touch()
    done = run(
        tmp_path, "vipwarden", "recorder", env=environment(tmp_path) | {"VIPWARDEN_STATE_DIR": f"{tmp_path}/state"}
    )
    assert done.code == 1
    assert done.err.startswith(f"vipwarden recorder: events are not recorded: {folder}")
    assert ("belongs to another user" if wrong == "owner" else "Not a directory") in done.err
    assert "VIPWARDEN_STATE_DIR" in done.err


def test_a_read_only_disk_at_the_start_is_named(tmp_path: Path) -> None:
    """On which folder, and where it can lie else."""
    (tmp_path / "disk").mkdir()
    line = 'mount -t tmpfs -o ro disk "$1"; VIPWARDEN_STATE_DIR=$1 exec "$2" recorder'
    done = shell(tmp_path, line, str(tmp_path / "disk"), str(BIN / "vipwarden"), flags=("-m",), needs=("mount",))
    assert done.code == 1
    assert f"events are not recorded: {tmp_path}/disk/events: Read-only file system; the record is in" in done.err
    assert "Errno" not in done.err
