"""Is the memory of a service kept whole, and mistrusted where it is not?"""

from __future__ import annotations

import contextlib
import os
from typing import TYPE_CHECKING

import pytest
from hypothesis import given
from hypothesis import strategies as st

from keepalived_scripts.service import memory
from keepalived_scripts.service.rules import DOWN, TRYING, Limits, Memory
from vipwarden.state.clock import boot, wall

if TYPE_CHECKING:
    from pathlib import Path

LIMITS = Limits(fall=1, fall_timeout=2, grace=0, good_for=5, restarts=2, window=600)


def test_what_was_written_is_recalled(tmp_path: Path) -> None:
    """All of it."""
    path = f"{tmp_path}/lib/service/haproxy"
    kept = Memory(TRYING, bad=2, tried=True, at=int(boot()), good=1, restarts=(1700000000.125, 1700000001.5))
    memory.write(path, memory.text_of(kept))
    assert memory.recall(path, 60) == kept
    assert [name.name for name in (tmp_path / "lib/service").iterdir()] == ["haproxy"]


def test_nothing_remembered_is_a_fresh_start(tmp_path: Path) -> None:
    """The first run ever."""
    assert memory.recall(f"{tmp_path}/none", 60) == Memory()


def _damage(path: Path, how: str) -> None:
    text = path.read_text()
    if how == "torn":
        path.write_text(text[:-5].rstrip("\n"))
    elif how == "empty":
        path.write_text("")
    elif how == "another program's":
        path.write_text("vipwarden-service-2 good 0 0 0 0 x\n\n")
    elif how == "from the future":
        path.write_text(text.replace(text.split(" ")[4], f"{boot() + 100:.2f}"))
    elif how == "no numbers":
        path.write_text(text.rstrip("\n") + " nan\n")
    elif how == "another user's":
        os.chown(path, 65534, 65534)
    elif how == "writable by others":
        path.chmod(0o666)
    elif how == "a link":
        path.rename(path.with_name("elsewhere"))
        path.symlink_to(path.with_name("elsewhere"))
    else:
        path.unlink()
        os.mkfifo(path)


@pytest.mark.parametrize(
    "how",
    [
        "torn", "empty", "another program's", "from the future", "no numbers", "another user's", "writable by others",
        "a link", "a FIFO",
    ],
)  # fmt: skip
def test_a_memory_that_cannot_be_trusted_is_lost(tmp_path: Path, how: str) -> None:
    """And says why."""
    path = tmp_path / "service"
    memory.write(str(path), memory.text_of(Memory(DOWN, at=int(boot()), restarts=(1700000000.0,))))
    path.chmod(0o644)
    _damage(path, how)
    with pytest.raises(memory.LostError, match=str(path)):
        memory.recall(str(path), 60)


def test_a_lost_memory_is_down_with_all_restarts_used_up() -> None:
    """Fail closed, and no restart storm."""
    lost = memory.lost(LIMITS)
    assert (lost.phase, lost.tried, len(lost.restarts)) == (DOWN, True, 2)
    assert abs(lost.restarts[0] - wall()) < 5


def test_restarts_survive_a_reboot_and_stamps_since_boot_do_not(tmp_path: Path) -> None:
    """Seconds since another boot tell nothing."""
    path = tmp_path / "service"
    text = memory.text_of(Memory(DOWN, tried=True, at=5, good=6, restarts=(1700000000.0,))).decode()
    of_boot = text.split()[6]
    path.write_text(text.replace(of_boot, of_boot[::-1]))
    assert memory.recall(str(path), 60) == Memory(DOWN, tried=True, restarts=(1700000000.0,))


@given(
    st.one_of(st.binary(max_size=300), st.text(max_size=300).map(lambda text: f"vipwarden-service-1 {text}".encode()))
)
def test_no_content_makes_it_stumble(tmp_path_factory: pytest.TempPathFactory, data: bytes) -> None:
    """A memory, or lost."""
    path = tmp_path_factory.getbasetemp() / "service-memory"
    path.write_bytes(data)
    path.chmod(0o644)
    with contextlib.suppress(memory.LostError):
        memory.recall(str(path), 60)
