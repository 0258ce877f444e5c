"""Is a verdict published whole or not at all, and is what is left over swept away?"""

from __future__ import annotations

import ctypes
import os
import stat
import subprocess
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from tests.state.verdicts import held, put
from vipwarden.core.result import CRITICAL, OK, WARNING, Metric, Result
from vipwarden.state.clock import boot
from vipwarden.state.files import ready
from vipwarden.state.publish import publish, sweep
from vipwarden.state.standing import LEFT_AFTER
from vipwarden.state.verdict import read, read_all

if TYPE_CHECKING:
    from collections.abc import Iterator

CODE = Path(__file__).parents[2]


def test_since_stays_while_the_state_does(tmp_path: Path) -> None:
    """And publish() returns the verdict before, or None for the first."""
    assert publish(str(tmp_path), "web", "port", Result(OK, "one"), 0) is None
    path = f"{tmp_path}/web"
    old = "vipwarden-1 0 1.00 1000.000 0.000000 port\none\n"
    Path(path).write_text(old)
    before = publish(str(tmp_path), "web", "port", Result(OK, "two"), 0)
    assert before is not None
    assert (before.result.text, before.since, before.stamp) == ("one", 1000, 1)
    same = read(path)
    assert same is not None
    assert (same.since, same.result.text) == (1000, "two")
    publish(str(tmp_path), "web", "port", Result(WARNING, "three"), 0)
    changed = read(path)
    assert changed is not None
    assert abs(changed.since - time.time()) < 60


@pytest.mark.parametrize("name", ["é" * 300, "a" * 199 + "é", "%" * 250, "a" * 53 + "é" * 100])
def test_a_name_too_long_for_a_file_can_be_published_and_read(tmp_path: Path, name: str) -> None:
    """It is cut behind a byte, never in its %XX, and a digest tells it from others."""
    back = read(put(tmp_path, name))
    assert back is not None
    assert back.name.partition("~")[0].rstrip("\ufffd") in name


def test_publishing_replaces_a_link_or_fifo_and_follows_none(tmp_path: Path) -> None:
    """Where it leads stays as it was."""
    victim = tmp_path / "victim"
    victim.write_text("precious")
    place = tmp_path / "verdict"
    place.mkdir()
    (place / "link").symlink_to(victim)
    os.mkfifo(place / "fifo")
    for name in ("link", "fifo"):
        assert read(put(place, name)) is not None
    (place / f".{os.getpid()}.aside").symlink_to(victim)
    os.mkfifo(place / f".{os.getpid()}.pipe")
    for name in ("aside", "pipe"):
        with pytest.raises(OSError, match=r"symbolic links|No such device"):
            put(place, name)
    assert victim.read_text() == "precious"


def test_a_folder_in_the_place_of_a_verdict_is_an_error_that_leaves_nothing(tmp_path: Path) -> None:
    """The folder stays."""
    (tmp_path / "web").mkdir()
    with pytest.raises(IsADirectoryError):
        put(tmp_path)
    assert held(tmp_path) == ["web"]


def test_without_a_folder_there_is_an_error(tmp_path: Path) -> None:
    """Making it is the business of ready()."""
    with pytest.raises(FileNotFoundError):
        put(tmp_path / "missing")


def test_a_very_long_path_is_no_trouble(tmp_path: Path) -> None:
    """The file is written aside in the same folder, whose path is cut nowhere."""
    place = tmp_path / ("d" * 200) / ("e" * 200)
    place.mkdir(parents=True)
    assert read(put(place, "x" * 300)) is not None
    assert len(held(place)) == 1


@pytest.mark.parametrize("umask", [0o177, 0o777, 0])
def test_a_verdict_is_readable_whatever_the_umask(tmp_path: Path, umask: int) -> None:
    """For keepalived runs its scripts with umask 0177."""
    place = tmp_path / "run" / "verdict"
    before = os.umask(umask)
    try:
        ready(str(place))
        put(place)
    finally:
        os.umask(before)
    modes = [stat.S_IMODE(path.stat().st_mode) for path in (place.parent, place, place / "web")]
    folders = 0o700 if str(tmp_path).startswith("/tmp/") else 0o755
    assert modes == [folders, folders, 0o644]


@pytest.fixture
def tiny(tmp_path: Path) -> Iterator[Path]:
    """Return a folder on a file system of two pages."""
    place = tmp_path / "tiny"
    place.mkdir()
    libc = ctypes.CDLL(None, use_errno=True)
    if libc.mount(b"tmpfs", os.fsencode(place), b"tmpfs", 0, b"size=8k"):
        pytest.skip(f"cannot mount a file system: {os.strerror(ctypes.get_errno())}")
    yield place
    libc.umount2(os.fsencode(place), 2)


@pytest.mark.parametrize("free", [0, 1])
def test_on_a_full_disk_the_old_verdict_stands_and_nothing_is_left(tiny: Path, free: int) -> None:
    """Whether nothing can be written any more or only a part."""
    path = put(tiny, text="the old one")
    if not free:
        (tiny / "filler").write_bytes(b"x" * 4096)
    for _ in range(3):
        with pytest.raises(OSError, match=r"[Nn]o space left"):
            put(tiny, state=CRITICAL, text="y" * 900, measured=tuple(Metric(f"m{number}", 1) for number in range(500)))
        back = read(path)
        assert back is not None
        assert (back.result.text, int(back.result.state)) == ("the old one", 0)
        assert held(tiny) == ["filler", "web"][free:]


PUBLISHER = """
import sys
sys.path.insert(0, sys.argv[1])
from vipwarden.core.result import Metric, Result, State
from vipwarden.state.publish import publish
writer = int(sys.argv[3])
for run in range(300):
    metrics = [Metric(f"m{number}", writer * 1000 + run) for number in range(run * 7 % 50)]
    publish(sys.argv[2], "web", "port", Result(State(run % 4), f"{writer} {run} {len(metrics)}", metrics), 0)
"""


def test_many_publishers_and_readers_never_meet_half_a_verdict(tmp_path: Path) -> None:
    """Each reader sees one whole verdict of one publisher at any time, and no file is left beside it."""
    put(tmp_path, text="0 0 0")
    command = [sys.executable, "-I", "-S", "-c", PUBLISHER, str(CODE), str(tmp_path)]
    publishers = [subprocess.Popen([*command, str(number)]) for number in range(4)]
    seen = set()
    try:
        while any(publisher.poll() is None for publisher in publishers):
            for _ in range(100):
                back = read(f"{tmp_path}/web")
                assert back is not None
                writer, run, count = map(int, back.result.text.split())
                assert len(back.result.metrics) == count
                assert {metric.value for metric in back.result.metrics} <= {writer * 1000 + run}
                assert int(back.result.state) == run % 4
                seen.add(writer)
    finally:
        for publisher in publishers:
            publisher.wait()
    assert [publisher.returncode for publisher in publishers] == [0] * 4
    assert len(seen) > 1
    assert held(tmp_path) == ["web"]


def age_files(folder: Path, seconds: float) -> None:
    """Let all that is there have been written so long ago."""
    for path in folder.iterdir():
        before = path.stat().st_mtime
        os.utime(path, (before - seconds, before - seconds))


def test_a_new_name_sweeps_away_what_is_left_over(tmp_path: Path) -> None:
    """With locks that nobody holds; but neither what has a TTL, nor what is young, nor what is no verdict."""
    long_ago = boot() - LEFT_AFTER - 1
    for name, stamp, ttl in (
        ("by-hand", long_ago, ""),
        ("rebooted", boot() + 1e6, ""),
        ("agent", long_ago, " 2.00"),
        ("young", boot() - 1, ""),
    ):
        (tmp_path / name).write_text(f"vipwarden-1 2 {stamp:.2f} 1 1 port{ttl}\nclosed\n")
    for name in ("notes", ".abc chk_port.lock", ".abc chk_port.last", ".4711.by-hand", ".service.web.lock"):
        (tmp_path / name).write_text("of somebody\n")
    publish(str(tmp_path), "first", "port", Result(OK, "open"), 0.1)
    assert (tmp_path / "by-hand").exists()  # the files are young
    age_files(tmp_path, LEFT_AFTER + 10)
    publish(str(tmp_path), "first", "port", Result(OK, "open"), 0.1)
    assert (tmp_path / "by-hand").exists()  # no new name
    age_files(tmp_path, LEFT_AFTER + 10)
    publish(str(tmp_path), "second", "port", Result(OK, "open"), 0.1)
    assert held(tmp_path) == [".service.web.lock", "agent", "first", "notes", "second", "young"]


def test_a_lock_that_is_held_stays(tmp_path: Path) -> None:
    """However long its run has lasted."""
    path = tmp_path / ".chk.lock"
    script = "import posix, sys; posix.lockf(posix.open(sys.argv[1], 66), 2, 0); print(flush=True); sys.stdin.read()"
    command = [sys.executable, "-ISc", script, str(path)]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as holder:
        assert holder.stdout is not None
        holder.stdout.readline()
        age_files(tmp_path, LEFT_AFTER + 10)
        sweep(str(tmp_path))
        assert held(tmp_path) == [".chk.lock"]
        holder.kill()
    sweep(str(tmp_path))
    assert held(tmp_path) == []


def test_a_thousand_names_leave_no_thousand_files(tmp_path: Path) -> None:
    """A port that differs each time is part of the name."""
    for number in range(300):
        publish(str(tmp_path), f"chk_port -p {number}", "port", Result(CRITICAL, "closed"), 0.1)
        for path in tmp_path.iterdir():
            text = path.read_text().split(" ")
            path.write_text(" ".join([*text[:2], f"{boot() - LEFT_AFTER - 1:.2f}", *text[3:]]))
        age_files(tmp_path, LEFT_AFTER + 10)
    assert len(read_all(str(tmp_path))) == 1


def test_what_cannot_be_swept_stays(tmp_path: Path) -> None:
    """A folder that is gone, or a file that is."""
    sweep(f"{tmp_path}/none")
    (tmp_path / "folder").mkdir()
    age_files(tmp_path, LEFT_AFTER + 10)
    sweep(str(tmp_path))
    assert (tmp_path / "folder").exists()
