"""Does a track file hold a whole value at every moment?"""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from agent import trackfile

if TYPE_CHECKING:
    from pathlib import Path


def test_a_value_is_overwritten_in_place(tmp_path: Path) -> None:
    """By as many bytes as before, so that there is never an empty file between two values."""
    path = tmp_path / "web"
    trackfile.write(str(path), 1)
    number = path.stat().st_ino
    for value in (-254, 0, 253, 1):
        trackfile.write(str(path), value)
        assert path.read_bytes() == trackfile.text(value)
    assert path.stat().st_ino == number
    assert path.stat().st_mode & 0o777 == 0o644
    assert [one.name for one in tmp_path.iterdir()] == ["web"]


@pytest.mark.parametrize("kind", ["empty", "longer", "link", "read by an editor"])
def test_what_is_no_track_file_of_ours_is_made_anew(tmp_path: Path, kind: str) -> None:
    """And whatever a link names is left as it is."""
    path, other = tmp_path / "web", tmp_path / "other"
    other.write_text("12345")
    if kind == "link":
        path.symlink_to(other)
    else:
        path.write_text({"empty": "", "longer": "1 and more\n"}.get(kind, "1\n"))
    trackfile.write(str(path), 0)
    assert path.read_bytes() == b"0   \n"
    assert not path.is_symlink()
    assert other.read_text() == "12345"


def test_a_folder_in_its_place_is_told(tmp_path: Path) -> None:
    """It can be neither written nor removed: keepalived reads no number there."""
    (tmp_path / "web").mkdir()
    with pytest.raises(OSError, match="directory"):
        trackfile.write(str(tmp_path / "web"), 1)
    assert not trackfile.fail(str(tmp_path / "web"), 0)
    assert [one.name for one in tmp_path.iterdir()] == ["web"]
