"""Are small files written whole, and read so that nobody can hold the reader up?"""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.state.verdicts import held
from vipwarden.state import files
from vipwarden.state.files import owners, ready

if TYPE_CHECKING:
    from pathlib import Path

ROOT = pytest.mark.skipif(os.geteuid() != 0, reason="takes root to give files away")


@given(st.binary(max_size=300), st.integers(0, 300), st.booleans())
def test_what_is_written_is_read(
    tmp_path_factory: pytest.TempPathFactory, data: bytes, most: int, durable: bool
) -> None:
    """As far as was asked for, and nothing is left beside it."""
    folder = tmp_path_factory.getbasetemp() / "files"
    folder.mkdir(exist_ok=True)
    files.write(f"{folder}/one", data, durable=durable)
    assert files.read(f"{folder}/one", most) == data[:most]
    assert held(folder) == ["one"]


def test_a_huge_file_is_read_to_its_bound(tmp_path: Path) -> None:
    """A terabyte of zeros costs nothing."""
    with (tmp_path / "huge").open("wb") as file:
        file.truncate(1 << 40)
    assert files.read(f"{tmp_path}/huge", 10) == bytes(10)


def test_bytes_are_replaced_in_place(tmp_path: Path) -> None:
    """In the same file, which must be there, and through no link."""
    path = tmp_path / "one"
    path.write_bytes(b"one two")
    before = path.stat().st_ino
    files.overwrite(str(path), b"TWO", 4)
    assert (path.read_bytes(), path.stat().st_ino) == (b"one TWO", before)
    (tmp_path / "link").symlink_to(path)
    for name in ("missing", "link"):
        with pytest.raises(OSError, match=r"No such file|symbolic links"):
            files.overwrite(f"{tmp_path}/{name}", b"x")


def test_what_is_no_plain_file_is_not_read(tmp_path: Path) -> None:
    """Nor is a FIFO waited for."""
    (tmp_path / "real").touch()
    (tmp_path / "link").symlink_to(tmp_path / "real")
    (tmp_path / "folder").mkdir()
    os.mkfifo(tmp_path / "fifo")
    for name in ("link", "folder", "fifo", "missing"):
        with pytest.raises(OSError, match=r"symbolic links|no plain file|No such file"):
            files.read(f"{tmp_path}/{name}", 10)


@ROOT
def test_a_file_of_a_stranger_is_not_read(tmp_path: Path) -> None:
    """But one of who may write there; with ``closed`` nobody else may have the right to."""
    path = tmp_path / "one"
    path.write_bytes(b"x")
    path.chmod(0o664)
    assert files.read(str(path), 1) == b"x"
    with pytest.raises(PermissionError, match="can be written by others"):
        files.read(str(path), 1, closed=True)
    os.chown(path, 1234, 1234)
    with pytest.raises(PermissionError, match="belongs to another user"):
        files.read(str(path), 1)
    assert files.read(str(path), 1, (1234,)) == b"x"


def test_hidden_files_have_no_names(tmp_path: Path) -> None:
    """Locks, and what is being written."""
    for name in ("b", ".b.lock", "a", ".99.b"):
        (tmp_path / name).touch()
    assert files.names(str(tmp_path)) == ["a", "b"]


@ROOT
def test_owners_of_a_folder(tmp_path: Path) -> None:
    """Nobody, where anybody may have laid it."""
    folder = tmp_path / "given"
    folder.mkdir()
    os.chown(folder, 1234, 1234)
    assert owners(str(folder)) == (0, 0, 1234)
    folder.chmod(0o777)
    assert owners(str(folder)) == ()
    assert owners(f"{tmp_path}/missing") == ()


def test_the_folder_is_made_once_and_its_grandparent_never(tmp_path: Path) -> None:
    """A runtime folder that is not there at all is a mistake of the operator."""
    place = f"{tmp_path}/run/verdict"
    for _ in range(2):
        ready(place)
    assert held(tmp_path / "run") == ["verdict"]
    with pytest.raises(FileNotFoundError):
        ready(f"{tmp_path}/no/run/verdict")


@ROOT
def test_a_folder_of_another_user_is_refused(tmp_path: Path) -> None:
    """Also one whose parent is another's, who could put another in its place, or lay a link to one of ours."""
    theirs, ours = tmp_path / "theirs", tmp_path / "ours"
    (theirs / "verdict").mkdir(parents=True)
    (ours / "verdict").mkdir(parents=True)
    os.chown(theirs, 4711, 4711)
    (ours / "link").symlink_to(theirs)
    os.chown(ours / "link", 4711, 4711, follow_symlinks=False)
    (ours / "given").mkdir()
    os.chown(ours / "given", 4711, 4711)
    ready(f"{ours}/verdict")
    for place in (theirs / "verdict", theirs / "new", ours / "given", ours / "link", ours / "link" / "verdict"):
        with pytest.raises(PermissionError, match="belongs to another user"):
            ready(str(place))
    assert held(theirs) == ["verdict"]
