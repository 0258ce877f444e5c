"""Does a maintenance cover what it names, survive a reboot, and always end by itself?"""

from __future__ import annotations

import contextlib
import shutil
import time
from typing import TYPE_CHECKING

import pytest
from hypothesis import given
from hypothesis import strategies as st

from vipwarden.state import files, maintenance, paths
from vipwarden.state.maintained import read_all, read_copies, remove, restore, write
from vipwarden.state.maintenance import ALL, CHECK, HOST, LONGEST, Maintenance, chosen, decode, encode

if TYPE_CHECKING:
    from pathlib import Path


class Clocks:
    """The clocks of a node that is rebooted, and whose wall clock is set."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.booted, self.time, self.id = 1000.0, 1.7e9, "first"
        monkeypatch.setattr(maintenance, "boot", lambda: self.booted)
        monkeypatch.setattr(maintenance, "wall", lambda: self.time)
        monkeypatch.setattr(maintenance, "boot_id", lambda: self.id)

    def go(self, seconds: float) -> None:
        """Let time pass."""
        self.booted += seconds
        self.time += seconds

    def reboot(self) -> None:
        """Begin another boot."""
        self.booted, self.id = 10.0, f"after {self.id}"

    def record(self, kind: str = CHECK, name: str = "web", lasts: float = 3600, by: str = "alice") -> Maintenance:
        """Begin a maintenance now, as its file has it."""
        return decode(encode(Maintenance(kind, name, by, "new disks", self.time, self.time + lasts)))


@pytest.fixture
def clocks(monkeypatch: pytest.MonkeyPatch) -> Clocks:
    """Give the clocks of a test."""
    return Clocks(monkeypatch)


def test_it_ends_by_itself_whatever_the_wall_clock_does(clocks: Clocks) -> None:
    """Within a boot the clock counts that is never set."""
    record = clocks.record()
    assert record.left == pytest.approx(3600, abs=0.1)
    for step in (-1e6, 1e6, 5e6):
        clocks.time += step
        assert record.left == pytest.approx(3600, abs=0.1)
    clocks.go(3599)
    assert 0 < record.left < 2
    clocks.go(2)
    assert record.left == 0
    assert record.is_over


def test_it_survives_a_reboot_with_what_was_left_of_it(clocks: Clocks) -> None:
    """Then the wall clock counts, and as long as that is behind the start there is no maintenance."""
    record = clocks.record()
    clocks.go(600)
    clocks.reboot()
    clocks.go(60)
    assert record.left == pytest.approx(2940, abs=0.1)
    clocks.time = 0  # the battery of the clock is empty
    assert record.left < 0
    assert not record.is_over
    clocks.time = 1.7e9 + 700  # NTP has answered
    assert record.left == pytest.approx(2900, abs=0.1)
    clocks.go(3000)
    assert record.is_over


@given(st.lists(st.tuples(st.sampled_from(("go", "set", "boot")), st.floats(-1e7, 1e7)), max_size=12))
def test_no_history_makes_it_longer_than_it_was_meant(steps: list[tuple[str, float]]) -> None:
    """What is left is never more than the whole, and with the right time and after its end it is over."""
    with pytest.MonkeyPatch.context() as patch:
        clocks = Clocks(patch)
        record = clocks.record(lasts=7200)
        passed = 0.0
        for what, seconds in steps:
            if what == "go":
                clocks.go(abs(seconds))
                passed += abs(seconds)
            elif what == "set":
                clocks.time += seconds
            else:
                clocks.reboot()
            assert record.left <= 7200 + 0.1
            assert clocks.id != "first" or passed < 7200 or record.is_over
        clocks.time = 1.7e9 + 7201
        assert clocks.id == "first" or record.is_over


@pytest.mark.parametrize(
    ("kind", "name", "covered"),
    [
        (CHECK, "web", ["web"]),
        (CHECK, "real", ["real@192.0.2.11:80", "real@192.0.2.12:80"]),
        (CHECK, "real@192.0.2.11:80", ["real@192.0.2.11:80"]),
        (HOST, "192.0.2.11", ["real@192.0.2.11:80", "db"]),
        (ALL, "", ["web", "website", "real@192.0.2.11:80", "real@192.0.2.12:80", "db"]),
    ],
)
def test_a_check_a_pattern_a_host_or_all(clocks: Clocks, kind: str, name: str, covered: list[str]) -> None:
    """No name stands for another that begins like it."""
    checks = {"web": "", "website": "w", "real@192.0.2.11:80": "192.0.2.11", "real@192.0.2.12:80": "192.0.2.12"}
    checks["db"] = "192.0.2.11"
    record = clocks.record(kind, name)
    assert [check for check, host in checks.items() if record.covers(check, host)] == covered


def test_of_several_records_the_longest_counts(clocks: Clocks) -> None:
    """Those of other people go on when one ends."""
    long, short = clocks.record(lasts=3600), clocks.record(ALL, "", 60, "bob")
    assert chosen([short, long], "web") == long
    assert chosen([short, long], "db") == short
    clocks.go(61)
    assert chosen([short, long], "db") is None
    assert long.text.endswith("by alice: new disks")
    assert long.text.startswith("in maintenance until 20")


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Give the folder of the records."""
    monkeypatch.setattr(paths, "maintenance", lambda **_: f"{tmp_path}/state/maintenance")
    monkeypatch.setattr(paths, "maintained", lambda _top="": f"{tmp_path}/maintained/maintenance")
    return tmp_path / "state" / "maintenance"


def test_records_are_whole_or_not_there(folder: Path) -> None:
    """Of one person the later record replaces the earlier; what is torn or garbage is no record."""
    assert read_all() == []
    now = time.time()
    for by, reason in (("alice", "first"), ("bob", "also"), ("alice", "second\nline\x1b")):
        write(Maintenance(CHECK, "web/1", by, reason, now, now + 60))
    assert sorted((record.name, record.by, record.reason) for record in read_all()) == [
        ("web/1", "alice", "second line"),
        ("web/1", "bob", "also"),
    ]
    whole = encode(Maintenance(CHECK, "web", "alice", "disks", now, now + 60))
    for length in range(len(whole)):
        (folder / "torn").write_bytes(whole[:length])
        assert len(read_all()) == 2
    (folder / "torn").write_bytes(whole)
    assert len(read_all()) == 3


@pytest.mark.parametrize(
    ("since", "until", "ends"),
    [(0, 0, 1), (5, 4, 1), (0, LONGEST + 1, 1), (0, float("inf"), 1), (0, 60, float("nan")), (-1, 60, 1), (0, 60, -1)],
)
def test_a_record_without_an_end_is_none(since: float, until: float, ends: float) -> None:
    """Whoever wrote it."""
    data = f"vipwarden-maintenance-1 {since} {until} {ends} boot\nall\n\nalice\nnever\n".encode()
    with pytest.raises(ValueError, match="no end that can be believed"):
        decode(data)


@given(st.binary(max_size=300))
def test_no_content_breaks_the_reader(data: bytes) -> None:
    """A record or a ValueError."""
    with contextlib.suppress(ValueError):
        decode(data)


def test_a_record_of_another_user_is_none(folder: Path) -> None:
    """Where others may write, nothing is trusted."""
    now = time.time()
    write(Maintenance(CHECK, "web", "alice", "disks", now, now + 60))
    folder.chmod(0o777)
    assert read_all() == []
    assert files.owners(str(folder)) == ()


def test_commands_have_copies_which_are_made_anew_after_a_reboot(folder: Path) -> None:
    """And which end with the record."""
    now = time.time()
    long, short = (Maintenance(CHECK, name, "alice", "disks", now, now + 60) for name in ("long", "short"))
    for record in (long, short):
        write(record)
    assert read_copies() == read_all() == [long, short]
    shutil.rmtree(folder.parents[1] / "maintained")
    assert read_copies() == []
    short.until = short.ends = 0
    restore([long, short])
    assert read_copies() == [long]
    remove(long)
    assert read_copies() == []
    assert [record.name for record in read_all()] == ["short"]
    remove(long)
