"""Are the files of /proc/PID taken apart as the kernel puts them together?"""

from __future__ import annotations

import os
import threading
from contextlib import suppress
from typing import TYPE_CHECKING

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.servers.program import sleeper, started
from vipwarden.node.process.procfs import Proc, Process, Stat, Status, read

if TYPE_CHECKING:
    from pathlib import Path

_TAIL = b" S 1 812 812 0 -1 4194560 1 0 0 0 1 2 0 0 20 0 3 0 4711 8388608 900 18446744073709551615 1 1 0 0 0"


@given(comm=st.binary(max_size=64), pid=st.integers(1, 4194304))
def test_a_name_of_any_bytes_is_found_whole_in_stat(comm: bytes, pid: int) -> None:
    """Spaces, parentheses, newlines and what is no UTF-8 neither cut the name nor shift the fields."""
    stat = Stat(str(pid).encode() + b" (" + comm + b")" + _TAIL)
    assert (stat.comm, stat.state, stat.start) == (comm, b"S", 4711)


@given(st.binary(max_size=300) | st.binary(max_size=60).map(lambda junk: b"1 (a)" + junk + _TAIL))
def test_garbage_in_stat_is_a_value_error_or_a_stat(data: bytes) -> None:
    with suppress(ValueError):
        assert Stat(data).start >= 0


@given(
    st.binary(max_size=300) | st.binary(max_size=60).map(lambda junk: b"Name:\ta\nUid:\t0\t" + junk + b"\nNSpid:\t1")
)
def test_garbage_in_status_is_a_value_error_or_a_status(data: bytes) -> None:
    with suppress(ValueError):
        assert Status(data).uid >= 0


def test_status_tells_the_effective_user_the_memory_and_the_namespace() -> None:
    own = Status(b"Name:\tx\nUid:\t1000\t33\t0\t0\nNSpid:\t812\nVmRSS:\t    2048 kB\n")
    assert (own.uid, own.rss, own.nested) == (33, 2 << 20, False)
    assert Status(b"Name:\tx\nUid:\t0\t0\t0\t0\nNSpid:\t812\t1\n").nested


def test_a_kernel_without_nspid_and_a_thread_of_its_own_have_no_namespace_and_no_memory() -> None:
    status = Status(b"Name:\tkthreadd\nUid:\t0\t0\t0\t0\n")
    assert (status.rss, status.nested) == (0, False)


def test_a_name_with_a_newline_forges_no_line_of_status(tmp_path: Path) -> None:
    """The kernel escapes it there."""
    with sleeper(tmp_path, "x\nUid:\t7\t7") as child:
        process = Proc().processes[child.pid]
        assert process.comm == b"x\nUid:\t7\t7"
        assert process.status.uid == os.geteuid()


def test_one_look_knows_this_process_and_agrees_with_what_it_knows_of_itself() -> None:
    look = Proc()
    own = look.processes[os.getpid()]
    assert look.own == os.getpid()
    assert not look.hides
    assert own.cmdline == read("/proc/self/cmdline").rstrip(b"\0").split(b"\0")
    assert own.status.uid == os.geteuid()
    assert not own.is_dead
    assert 0 < look.age(own) < 86400
    assert 1 << 20 < own.status.rss < 1 << 34


def test_threads_are_no_processes() -> None:
    """/proc/TID can be opened but is not listed."""
    seen: list[bool] = []

    def look() -> None:
        number = threading.get_native_id()
        seen.extend((number in Proc().processes, os.path.exists(f"/proc/{number}/stat")))  # noqa: PTH110

    thread = threading.Thread(target=look)
    thread.start()
    thread.join()
    assert seen == [False, True]


def test_an_ended_process_is_gone_but_what_was_read_of_it_stays(tmp_path: Path) -> None:
    with sleeper(tmp_path, "short") as child:
        process = Proc().processes[child.pid]
        assert process.comm == b"short"
        child.kill()
        child.wait()
        assert process.comm == b"short"
        with pytest.raises((FileNotFoundError, ProcessLookupError)):
            assert process.stat


def test_a_kernel_thread_has_no_command_line() -> None:
    kthreadd = next((one for one in Proc().processes.values() if one.comm == b"kthreadd"), None)
    if kthreadd is None:
        pytest.skip("this container shows no kernel threads")
    assert kthreadd.cmdline == []
    assert kthreadd.is_called(b"kthreadd")


def test_a_long_command_line_is_read_whole(tmp_path: Path) -> None:
    words = ["60", *(["0"] * 40000)]
    with started("/bin/sleep", *words) as child:
        assert Proc().processes[child.pid].cmdline == [b"/bin/sleep", *(word.encode() for word in words)]


def test_there_is_no_other_attribute() -> None:
    with pytest.raises(AttributeError):
        getattr(Process(1, b"/proc/1"), "environ")  # noqa: B009


@pytest.mark.parametrize(
    ("comm", "cmdline", "name", "called"),
    [
        ("haproxy", "haproxy -W", "haproxy", True),
        ("haproxy", "haproxy -W", "haprox", False),
        ("haprox", "haproxy -W", "haproxy", False),
        ("nginx", "nginx: worker process", "nginx", True),
        ("python3", "python3 /usr/bin/tool", "tool", False),
        ("keepalived_expo", "/usr/bin/keepalived_exporter_long -v", "keepalived_exporter_long", True),
        ("keepalived_expo", "/usr/bin/keepalived_exporter_long -v", "keepalived_exporter", False),
        ("keepalived_expo", "/usr/bin/keepalived_exporter_long -v", "keepalived_expo", False),
        ("keepalived_expo", "keepalived_expo", "keepalived_exporter", False),
        ("keepalived_expo", "/usr/bin/python3 -I /opt/keepalived_exporter x", "keepalived_exporter", True),
        ("keepalived_expo", "worker of something else", "keepalived_exporter", True),
        ("keepalived_expo", "", "keepalived_exporter", True),
        ("systemd-journal", "/lib/systemd/systemd-journald", "systemd-journald", True),
        ("systemd-journal", "/lib/systemd/systemd-journald", "systemd-journal", False),
        ("pool_workqueue_release", "", "pool_workqueue_release", True),
        ("pool_workqueue_release", "", "pool_workqueue_", False),
        ("ünïcödé-n", "/bin/ünïcödé-näme", "ünïcödé-näme", False),
    ],
)
def test_a_process_is_called_by_its_whole_name(
    tmp_path: Path, comm: str, cmdline: str, name: str, called: bool
) -> None:
    (tmp_path / "comm").write_text(comm + "\n")
    (tmp_path / "cmdline").write_bytes(cmdline.encode().replace(b" ", b"\0") + b"\0")
    assert Process(812, bytes(tmp_path)).is_called(name.encode()) is called


@pytest.mark.parametrize("title", ["{}: worker process /etc/{}.conf", "{} -f /etc/x", "/usr/sbin/{} worker", "idle"])
def test_a_cut_name_is_known_under_a_rewritten_title(tmp_path: Path, title: str) -> None:
    name = "keepalived_exporter_long"
    (tmp_path / "comm").write_text(name[:15] + "\n")
    (tmp_path / "cmdline").write_text(title.format(name, name) + "\0\0\0\0")
    assert Process(812, bytes(tmp_path)).is_called(name.encode())


def test_the_uptime_of_a_fixture_folder_is_its_own(tmp_path: Path) -> None:
    (tmp_path / "812").mkdir()
    (tmp_path / "812" / "stat").write_bytes(b"812 (x)" + _TAIL)
    (tmp_path / "uptime").write_text("147.11 99.00\n")
    look = Proc(str(tmp_path))
    assert look.own is None
    assert look.age(look.processes[812]) == pytest.approx(100, abs=1)
    (tmp_path / "uptime").write_text("nan\n")
    with pytest.raises(OSError, match="no time"):
        look.age(look.processes[812])
