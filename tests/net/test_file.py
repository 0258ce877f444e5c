"""Is a file read at once only where no mount can hold the reader up?"""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

import pytest
from hypothesis import given
from hypothesis import strategies as st

from vipwarden.net.file import is_near, look

if TYPE_CHECKING:
    from pathlib import Path

MOUNTS = """\
22 27 0:21 / /proc rw - proc proc rw
27 1 254:0 / / rw,relatime - ext4 /dev/vda rw
30 27 0:30 / {0}/memory rw shared:1 - tmpfs tmpfs rw
31 27 254:0 /srv {0}/bound rw - ext4 /dev/vda rw
32 27 0:40 / {0}/far rw master:3 - nfs4 server:/export rw
33 27 0:41 / {0}/far/inner rw - tmpfs tmpfs rw
34 27 254:16 / {0}/disk rw - ext4 /dev/vdb rw
"""


@pytest.fixture(name="mounts")
def _mounts(tmp_path: Path) -> str:
    """Return a list of mounts, whose folders are there."""
    for name in ("memory", "bound", "far/inner", "disk", "plain"):
        (tmp_path / name).mkdir(parents=True)
        (tmp_path / name / "file").touch()
    (tmp_path / "link").symlink_to(tmp_path / "plain")
    (tmp_path / "plain/link").symlink_to("file")
    path = tmp_path / "mountinfo"
    path.write_text(MOUNTS.format(tmp_path))
    return str(path)


@pytest.mark.parametrize(
    ("name", "near"),
    [
        ("plain/file", True),
        ("memory/file", True),
        ("bound/file", True),
        ("far/file", False),
        ("far", False),
        ("far/inner/file", False),
        ("farther", True),  # it is not there, which is known at once
        ("farther/file", True),
        ("disk/file", False),
        ("link/file", False),
        ("plain/link", False),
        ("plain/../far/file", False),
        ("plain//file", False),
        ("./plain/file", False),
        ("a name/file", False),
    ],
)
def test_a_file_of_the_root_file_system_or_in_memory_is_near(
    tmp_path: Path, mounts: str, name: str, near: bool
) -> None:
    """But behind no link, and below no other mount."""
    assert is_near(f"{tmp_path}/{name}", mounts) is near


def test_without_the_list_of_mounts_nothing_is_near(tmp_path: Path) -> None:
    """Nor with one that is none, or has no root."""
    path = tmp_path / "mountinfo"
    for text in (None, "", "nonsense\n", MOUNTS.splitlines()[0] + "\n"):
        if text is not None:
            path.write_text(text)
        assert not is_near(__file__, str(path))


@given(st.text(alphabet="/.ab \\", max_size=12))
def test_no_path_leaves_the_root_by_its_steps(path: str) -> None:
    """What is near is a plain way down."""
    if is_near(path):
        assert os.path.normpath(path) == path
        assert path == os.path.realpath(path)


def test_a_look_is_bounded(tmp_path: Path) -> None:
    """By one byte more than was asked for; a FIFO gives nothing."""
    path = tmp_path / "file"
    path.write_bytes(b"x" * 100)
    path.chmod(0o640)
    assert look(str(path), 9) == (0o100640, b"x" * 10)
    os.mkfifo(tmp_path / "fifo")
    assert look(str(tmp_path / "fifo"), 9)[1] == b""
