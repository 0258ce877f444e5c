"""Do the files of states say what was recorded, and nothing where they are torn?"""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

import pytest
from hypothesis import given
from hypothesis import strategies as st

from vipwarden.core.result import one_line
from vipwarden.node.keepalived import vrrp_state
from vipwarden.node.keepalived.vrrp_state import SOURCES, STATES, TYPES, VrrpState
from vipwarden.state import paths

if TYPE_CHECKING:
    from pathlib import Path

FIELDS = VrrpState.__slots__


@pytest.fixture(autouse=True)
def _own_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(paths, "runtime", lambda: f"{tmp_path}/run")


def values(state: VrrpState) -> list[object]:
    """Return all fields."""
    return [getattr(state, name) for name in FIELDS]


def test_every_field_comes_back(tmp_path: Path) -> None:
    """And the file may be read by everybody."""
    (tmp_path / "run").mkdir()
    states = [
        VrrpState(kind, f"V {kind}/1", state, 1.8e9 + 0.125, priority=254, changes=3, source=source, order=(12.25, 7))
        for kind, state, source in (("INSTANCE", "MASTER", "fifo"), ("GROUP", "STOP", "kernel"))
    ]
    for state in states:
        vrrp_state.publish(state)
    found = vrrp_state.read_all(paths.vrrp())
    assert sorted(map(values, found), key=str) == sorted(map(values, states), key=str)
    files = list((tmp_path / "run/vrrp").iterdir())
    assert sorted(path.name for path in files) == ["GROUP.V%20GROUP%2F1", "INSTANCE.V%20INSTANCE%2F1"]
    assert {path.stat().st_mode & 0o777 for path in files} == {0o644}


def test_an_event_is_never_older_than_one_before_it_in_the_same_hundredth(tmp_path: Path) -> None:
    """A stamp that was rounded up would put the next event behind it, and the last word would be dropped."""
    (tmp_path / "run").mkdir()
    first = VrrpState("INSTANCE", "V", "BACKUP", 1.8e9, order=(12.3471, 1))
    vrrp_state.publish(first)
    found = vrrp_state.read(vrrp_state.path_of("INSTANCE", "V"))
    assert found is not None
    assert found.order == first.order < (12.3475, 2)


def test_a_folder_that_is_not_there_holds_none(tmp_path: Path) -> None:
    """An exporter on a node without notify."""
    assert vrrp_state.read_all(f"{tmp_path}/none") == []


@given(
    st.one_of(
        st.binary(max_size=200),
        st.builds(
            "vipwarden-vrrp-1 {} {} {} {} {} {} {} {}\n{}\n".format,
            st.sampled_from([*TYPES, "x"]), st.sampled_from([*STATES, ""]), st.floats(), st.integers(), st.integers(),
            st.sampled_from([*SOURCES, "y"]), st.floats(), st.integers(), st.text(max_size=20),
        ).map(lambda text: text.encode("utf-8", "replace")),
    )
)  # fmt: skip
def test_no_content_makes_a_reader_stumble(tmp_path_factory: pytest.TempPathFactory, data: bytes) -> None:
    """A whole state with values that can be, or none."""
    path = tmp_path_factory.getbasetemp() / "INSTANCE.V1"
    path.write_bytes(data)
    found = vrrp_state.read(str(path))
    if found is not None:
        assert found.state in STATES
        assert found.kind in TYPES
        assert 0 <= found.priority <= 255
        assert found.name == one_line(found.name)


@pytest.mark.skipif(os.geteuid() != 0, reason="takes root to give files away")
def test_states_of_other_users_do_not_count(tmp_path: Path) -> None:
    """Neither a file, nor a folder in a place that is open to all."""
    (tmp_path / "run").mkdir()
    for name in ("V", "W"):
        vrrp_state.publish(VrrpState("INSTANCE", name, "MASTER", 1.0))
    os.chown(vrrp_state.path_of("INSTANCE", "W"), 1234, 1234)
    assert vrrp_state.read(vrrp_state.path_of("INSTANCE", "W")) is None
    assert [one.name for one in vrrp_state.read_all(paths.vrrp())] == ["V"]
    tmp_path.chmod(0o1777)
    os.chown(tmp_path / "run", 1234, 1234)
    assert vrrp_state.read_all(paths.vrrp()) == []
