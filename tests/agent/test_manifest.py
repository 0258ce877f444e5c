"""Does ExecStopPost know what to fail, whatever stands in the manifest?"""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agent import manifest, trackfile
from agent.manifest import Guarded, decode, encode
from agent.value import HOLD, NONE
from vipwarden.state.paths import agent, file_name, tracks

if TYPE_CHECKING:
    from pathlib import Path

LOSSES = st.one_of(st.sampled_from([HOLD, NONE]), st.integers(-254, 253).map(str))
CHECKS = st.lists(st.builds(Guarded, st.text().map(file_name), st.floats(0.1, 1e6), LOSSES), max_size=10)


def rows(checks: list[Guarded]) -> list[tuple[str, float, str]]:
    """Return what is known of checks, the limit to a thousandth."""
    return [(check.file, round(check.limit, 2), check.loss) for check in checks]


@given(CHECKS)
def test_what_is_written_is_read(checks: list[Guarded]) -> None:
    """Whatever the names of the checks are."""
    assert [row[::2] for row in rows(decode(encode(checks)))] == [row[::2] for row in rows(checks)]


@given(st.binary(max_size=60))
def test_whatever_else_stands_there_names_no_file_elsewhere(data: bytes) -> None:
    """It is refused, or names files of the folder."""
    try:
        checks = decode(data)
    except ValueError:
        return
    assert all(check.file and "/" not in check.file for check in checks)


def test_the_first_line_names_the_agent(tmp_path: Path) -> None:
    """A successor with the same checks changes it in place, so that a full disk is no hindrance."""
    runtime, checks = str(tmp_path), [Guarded("web", 12.5, "0"), Guarded("quiet", 2.5, NONE)]
    assert (manifest.owner(runtime), manifest.read(runtime)) == ("", [])
    first, second = manifest.word(), manifest.word()
    manifest.write(runtime, first, checks)
    number = (tmp_path / "agent.guard").stat().st_ino
    assert manifest.owner(runtime) == first
    manifest.write(runtime, second, checks)
    assert (tmp_path / "agent.guard").stat().st_ino == number
    assert manifest.owner(runtime) == second
    assert rows(manifest.read(runtime)) == rows(checks)
    manifest.write(runtime, first, checks[:1])
    assert (manifest.owner(runtime), len(manifest.read(runtime))) == (first, 1)


def test_what_no_agent_wrote_is_refused(tmp_path: Path) -> None:
    """With its path."""
    path = tmp_path / "agent.guard"
    path.write_text("something else\n")
    with pytest.raises(ValueError, match=f"{agent('guard', str(tmp_path))} does not hold what an agent wrote"):
        manifest.read(str(tmp_path))
    assert manifest.owner(str(tmp_path)) == ""


@pytest.mark.parametrize(("loss", "left"), [("0", 0), ("-254", -254), (HOLD, 1), (NONE, 1)])
def test_a_check_fails_as_it_was_configured(tmp_path: Path, loss: str, left: int) -> None:
    """A file that is gone has failed; one that cannot be written is removed."""
    path = tmp_path / "track" / "web"
    path.parent.mkdir()
    trackfile.write(str(path), 1)
    assert f"{tracks(str(tmp_path))}/web" == str(path)
    assert Guarded("web", 1, loss).fail(str(tmp_path))
    assert path.read_bytes() == trackfile.text(left)
    path.unlink()
    assert Guarded("web", 1, loss).fail(str(tmp_path))
    path.symlink_to("elsewhere")
    assert Guarded("web", 1, loss).fail(str(tmp_path))
    assert path.is_symlink() is (loss in (HOLD, NONE))
