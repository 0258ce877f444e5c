"""Does the process of a pidfile run, and no other under its number?"""

from __future__ import annotations

import os
import sys
from pathlib import Path

import pytest

from tests.checks.processes import ask, said
from tests.servers.program import sleeper, started, until_dead
from vipwarden.core.result import CRITICAL, OK, UNKNOWN


def test_a_pidfile_names_the_one_process_to_look_at(tmp_path: Path, name: str) -> None:
    pidfile = tmp_path / "a.pid"
    with sleeper(tmp_path, name) as child, sleeper(tmp_path, name + "2"):
        pidfile.write_text(f" {child.pid}\nmore\n")
        for also in ([], ["-C", name], ["-a", name], ["-u", "root"], ["-C", name, "-u", "0", "-a", "60$"]):
            result = ask("--pidfile", pidfile, *also)
            assert said(result) == (OK, f"pidfile {pidfile} names {child.pid}, which is {name}")
            assert [metric.name for metric in result.metrics] == ["processes", "age", "rss"]


def test_a_stale_pidfile_is_critical_and_says_what_runs_under_its_number(tmp_path: Path, name: str) -> None:
    pidfile = tmp_path / "a.pid"
    with sleeper(tmp_path, name) as child:
        pidfile.write_text(f"{child.pid}\n")
        says = f"pidfile {pidfile} names {child.pid}, which is {name}"
        assert said(ask("--pidfile", pidfile, "-C", "haproxy")) == (CRITICAL, f"{says}, not haproxy")
        assert said(ask("--pidfile", pidfile, "-a", "x y")) == (
            CRITICAL,
            f"{says} without 'x y' in its command line",
        )
        assert said(ask("--pidfile", pidfile, "-u", "nobody")) == (CRITICAL, f"{says}, but not of user nobody")
        child.kill()
        until_dead(child)
        assert said(ask("--pidfile", pidfile)) == (CRITICAL, f"{says}, a zombie")
        child.wait()
        gone = f"pidfile {pidfile} names {child.pid}, which does not run"
        assert said(ask("--pidfile", pidfile, "-C", name)) == (CRITICAL, gone)
    pidfile.write_text(str(os.getpid()))
    own = f"pidfile {pidfile} names {os.getpid()}, which is this check itself"
    assert said(ask("--pidfile", pidfile)) == (CRITICAL, own)


def test_the_number_of_a_thread_is_no_process(tmp_path: Path) -> None:
    """A number of before that a thread of another program bears now answers under /proc, but is not listed there."""
    with started(sys.executable, "-c", "import threading, time\n" + _THREAD, str(tmp_path / "tid")) as child:
        while not (tmp_path / "done").exists():
            assert child.poll() is None
        number = (tmp_path / "tid").read_text()
        assert number != str(child.pid)
        assert Path(f"/proc/{number}/stat").exists()
        assert ask("--pidfile", tmp_path / "tid").text.endswith(f"names {number}, which does not run")


_THREAD = """
import pathlib, sys
def work():
    tid = pathlib.Path(sys.argv[1])
    tid.write_text(str(threading.get_native_id()))
    tid.with_name("done").touch()
    time.sleep(60)
threading.Thread(target=work).start()
"""


@pytest.mark.parametrize(
    "content", [b"", b"\n12\n", b"haproxy", b"-1", b"1 2", b"\xff\xfe1", b"\0" * 99, b"1" * 10_000_000, b"\xd9\xa1"]
)
def test_a_pidfile_with_no_number_is_critical(tmp_path: Path, content: bytes) -> None:
    pidfile = tmp_path / "a.pid"
    pidfile.write_bytes(content)
    text = f"pidfile {pidfile} does not start with the number of a process"
    assert said(ask("--pidfile", pidfile)) == (CRITICAL, text)


def test_a_missing_pidfile_is_critical_and_an_unreadable_one_unknown(tmp_path: Path) -> None:
    assert said(ask("--pidfile", tmp_path / "no")) == (CRITICAL, f"pidfile {tmp_path}/no is not there")
    assert said(ask("--pidfile", tmp_path)) == (UNKNOWN, f"cannot read the pidfile {tmp_path}: Is a directory")
    os.mkfifo(tmp_path / "fifo")
    assert ask("--pidfile", tmp_path / "fifo").state == CRITICAL
    (tmp_path / "huge").write_text("9999999999")
    assert ask("--pidfile", tmp_path / "huge").text.endswith("names 9999999999, which does not run")
