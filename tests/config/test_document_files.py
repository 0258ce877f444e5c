"""Is a configuration read whole from its file, or named as what cannot be read?"""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

import pytest

from tests.config.test_document import FINE
from vipwarden.config.document import ConfigError, Document
from vipwarden.config.entries import checks

if TYPE_CHECKING:
    from pathlib import Path


def test_a_file_is_read(tmp_path: Path) -> None:
    """Also one with a byte order mark and the line ends of Windows."""
    path = tmp_path / "a.yaml"
    path.write_bytes(b"\xef\xbb\xbf" + FINE.replace("\n", "\r\n").encode())
    assert [entry.name for entry in checks(Document(str(path)))] == ["web", "cache"]


def test_what_cannot_be_read_is_named(tmp_path: Path) -> None:
    """With the system's reason."""
    for place, reason in ((tmp_path, "Is a directory"), (tmp_path / "none", "No such file or directory")):
        with pytest.raises(ConfigError) as error:
            Document(str(place))
        assert str(error.value) == f"{place}: cannot be read: {reason}"


def test_a_file_that_others_keep_from_us_is_named(tmp_path: Path) -> None:
    """Asked as a user who has no rights."""
    path = tmp_path / "a.yaml"
    path.write_text(FINE)
    path.chmod(0)
    if os.geteuid() == 0:
        tmp_path.chmod(0o755)
        os.seteuid(4711)
    try:
        with pytest.raises(ConfigError, match="cannot be read: Permission denied"):
            Document(str(path))
    finally:
        if os.getuid() == 0:
            os.seteuid(0)


@pytest.mark.parametrize("before", [1, 5000])
def test_bytes_that_are_no_utf_8_are_found(tmp_path: Path, before: int) -> None:
    """In their line, however far down."""
    path = tmp_path / "a.yaml"
    path.write_bytes(b"# \xc3\xa9\n" * before + b"checks: {\xe9: b}\n")
    with pytest.raises(ConfigError) as error:
        Document(str(path))
    assert str(error.value) == f"{path}:{before + 1}: is not UTF-8 text: invalid continuation byte"


def test_a_file_beyond_all_measure_is_refused_and_not_cut(tmp_path: Path) -> None:
    """A check that was cut off would silently not be watched."""
    path = tmp_path / "a.yaml"
    with path.open("wb") as file:
        file.truncate(1 << 40)
    with pytest.raises(ConfigError, match="is longer than 4 MiB"):
        Document(str(path))
