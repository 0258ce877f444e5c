"""Is what `make test-releases` keeps whole, and made anew when it has to be?"""

from __future__ import annotations

from threading import Barrier, Thread
from typing import TYPE_CHECKING

import pytest

from tests.releases import kept

if TYPE_CHECKING:
    from pathlib import Path


@pytest.fixture(autouse=True)
def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Keep it in a folder of the test's."""
    monkeypatch.setattr(kept, "PLACE", tmp_path / "kept")
    return tmp_path / "kept"


def write(aside: Path) -> None:
    """Make a folder with a file."""
    aside.mkdir()
    (aside / "file").write_text("whole")


def never(aside: Path) -> None:
    """Make nothing."""
    pytest.fail(f"{aside} is made again")


def test_a_folder_is_made_once_and_anew_by_another_recipe(place: Path) -> None:
    """What the other recipe made is gone; what has another name stays."""
    with kept.kept("root", "one", write) as first, kept.kept("root-environment", "x", write) as other:
        pass
    with kept.kept("root", "one", never) as again:
        assert again == first
    with kept.kept("root", "two", write) as second:
        assert (second / "file").read_text() == "whole"
    assert {path for path in place.iterdir() if path.is_dir()} == {second, other}


def test_what_was_half_made_is_never_given_out() -> None:
    """The next run begins anew."""

    def half(aside: Path) -> None:
        write(aside)
        raise OSError("no space")

    with pytest.raises(OSError, match="no space"), kept.kept("root", "one", half):
        pass
    with kept.kept("root", "one", write) as made:
        assert (made / "file").read_text() == "whole"


def test_of_several_runs_one_makes_it() -> None:
    """The others wait, and find it."""
    made: list[Path] = []
    found: list[Path] = []
    begin = Barrier(4)

    def make(aside: Path) -> None:
        made.append(aside)
        write(aside)

    def run() -> None:
        begin.wait()
        with kept.kept("root", "one", make) as folder:
            found.append(folder)

    threads = [Thread(target=run) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(made) == 1
    assert len({*found}) == 1
    assert len(found) == 4
