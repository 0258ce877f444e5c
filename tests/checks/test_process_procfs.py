"""Does the process check hold in containers, under hidden, hostile and busy process lists?"""

from __future__ import annotations

import asyncio
import tempfile
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from checks.process import process
from tests.agent.drive import alone
from tests.commands import program
from tests.servers.program import copy, sleeper, started
from vipwarden.core.result import CRITICAL, OK, UNKNOWN, Result
from vipwarden.node.process.wanted import Name

if TYPE_CHECKING:
    from collections.abc import Iterator
from tests.checks.processes import LONG, STAT, ask, entry, run_python, said


def test_a_process_in_a_container_counts_only_when_asked_for(tmp_path: Path, name: str) -> None:
    words = (program("unshare"), "-pf", "--mount-proc", "--kill-child", copy(tmp_path, name), "60")
    with started(*words) as outer:
        children = Path(f"/proc/{outer.pid}/task/{outer.pid}/children")
        while not (inner := children.read_text().strip()) or name not in Path(f"/proc/{inner}/comm").read_text():
            assert outer.poll() is None
        assert said(ask("-C", name)) == (CRITICAL, f"no process {name} (1 in containers left out)")
        assert said(ask("-C", name, "--containers")) == (OK, f"1 process {name} (pid {inner})")
        (tmp_path / "pid").write_text(inner)
        assert ask("--pidfile", tmp_path / "pid").text.endswith(f"names {inner}, which is {name} in a container")


def test_processes_that_come_and_go_disturb_nothing(tmp_path: Path, name: str) -> None:
    with sleeper(tmp_path, name) as child, _storm():
        for _ in range(60):
            assert said(ask("-C", name)) == (OK, f"1 process {name} (pid {child.pid})")
            assert ask("-a", f"/{name} 60").state == OK
            assert ask("-u", "0").state == OK
            assert ask("-C", "true", "-c", "0:9999").state == OK


@contextmanager
def _storm() -> Iterator[None]:
    with started("/bin/sh", "-c", "while :; do /bin/true & /bin/true; done"):
        yield


@pytest.mark.parametrize(
    ("hide", "state", "ends"),
    [
        ("hidepid=2", "UNKNOWN", "hides processes from this user (hidepid or SELinux)"),
        ("hidepid=1", "UNKNOWN", "hides processes from this user (hidepid or SELinux)"),
        ("hidepid=0", "CRITICAL", "no process no such program"),
    ],
)
def test_a_procfs_that_hides_processes_never_makes_them_missing(hide: str, state: str, ends: str) -> None:
    """Asked by a user who is not root, in a mount namespace of its own."""
    code = """
import ctypes, posix
from vipwarden.net.blocking import BlockingNet, run
from vipwarden.core.result import Range
from checks.process import Name, User, process
libc = ctypes.CDLL(None, use_errno=True)
folder, hide = sys.argv[1].encode(), sys.argv[2].encode()
for result in (
    libc.unshare(0x20000),
    libc.mount(b"none", b"/", None, 0x44000, None),
    libc.mount(b"proc", folder, b"proc", 0, hide),
):
    assert result == 0, ctypes.get_errno()
posix.setgroups([])
posix.setgid(65534)
posix.setuid(65534)
def ask(**wanted):
    result = run(process(BlockingNet(), proc=sys.argv[1], **wanted), 10)
    print(result.state, result.text)
ask(command=Name("no such program"))
ask(user=User("0"), critical=Range("0"))
"""
    with tempfile.TemporaryDirectory() as folder:
        Path(folder).chmod(0o755)
        missing, forbidden = run_python(code, folder, hide).splitlines()
    assert missing.startswith(state)
    assert missing.endswith(ends)
    assert forbidden.startswith("CRITICAL" if hide == "hidepid=0" else "UNKNOWN")


def test_no_procfs_is_unknown(tmp_path: Path) -> None:
    assert said(ask("-C", "x", "--proc", tmp_path)) == (
        UNKNOWN,
        f"{tmp_path} shows no process at all: is it mounted?",
    )
    assert said(ask("-C", "x", "--proc", tmp_path / "no")) == (
        UNKNOWN,
        f"cannot read {tmp_path}/no: No such file or directory",
    )


def test_no_descriptor_left_is_unknown(name: str) -> None:
    code = """
import posix, resource
from vipwarden.net.blocking import BlockingNet, run
from checks.process import Name, process
resource.setrlimit(resource.RLIMIT_NOFILE, (3, 3))
print(run(process(BlockingNet(), command=Name(sys.argv[1])), 10).text)
"""
    assert run_python(code, name) == "cannot read /proc: Too many open files"


def test_the_deadline_holds_while_reading() -> None:
    result = ask("-u", "root", "-t", "0.000001")
    assert result.state == UNKNOWN
    assert result.expired
    assert "only 0 of " in result.text


_NAMES = st.sampled_from(["comm", "stat", "status", "cmdline"])
_LINES = st.sampled_from(
    [b"haproxy\n", b"haproxy", STAT.format(7, "haproxy", "S", 5).encode(), b"Name:\tx\nUid:\t0\t0\nNSpid:\t7\n"]
)


@given(files=st.dictionaries(_NAMES, st.binary(max_size=200) | _LINES), uptime=st.binary(max_size=20))
@settings(max_examples=150, deadline=None)
def test_garbage_in_a_folder_of_processes_is_never_more_than_a_verdict(files: dict[str, bytes], uptime: bytes) -> None:
    with tempfile.TemporaryDirectory() as folder:
        home = Path(folder, "7")
        home.mkdir()
        Path(folder, "8").touch()
        Path(folder, "9999999999999999999999").mkdir()
        Path(folder, "self").touch()
        Path(folder, "uptime").write_bytes(uptime)
        Path(folder, "pid").write_text("7")
        for name, content in files.items():
            (home / name).write_bytes(content)
        wanted = (["-C", "haproxy"], ["-C", LONG], ["-a", "x"], ["-u", "0"], ["--pidfile", f"{folder}/pid"])
        for given in wanted:
            result = ask("--proc", folder, *given)
            assert result.state in (OK, CRITICAL, UNKNOWN)
            assert result.text.isprintable()


def test_a_file_that_no_kernel_wrote_is_unknown(tmp_path: Path) -> None:
    entry(tmp_path, 812, "haproxy")
    (tmp_path / "812" / "stat").write_text("812 (haproxy)")
    text = f"cannot read {tmp_path}: 812: not a line of /proc/PID/stat"
    assert said(ask("-C", "haproxy", "--proc", tmp_path)) == (UNKNOWN, text)


def test_other_checks_have_their_turn_while_many_processes_are_read(tmp_path: Path) -> None:
    """On an event loop, thousands of processes are read in pieces."""
    for pid in range(1, 1001):
        (tmp_path / str(pid)).mkdir()
        (tmp_path / str(pid) / "comm").write_text("x\n")
    turns = 0

    async def count_turns() -> None:
        nonlocal turns
        while True:
            turns += 1
            await asyncio.sleep(0)

    async def ask_beside() -> Result:
        other = asyncio.create_task(count_turns())
        result = await alone(process, {"command": Name("haproxy"), "proc": str(tmp_path)}, 10)
        other.cancel()
        return result

    assert said(asyncio.run(ask_beside())) == (CRITICAL, "no process haproxy")
    assert turns >= 3


def test_the_ordinary_path_loads_little() -> None:
    code = """
from vipwarden.net.blocking import BlockingNet, run
from vipwarden.core.options import complete, options, parse
from checks.process import process
known = options(process)
run(process(BlockingNet(), **complete(known, parse(known, ["-C", "init", "-u", "0"]))), 10)
print(*sorted(set(sys.modules) & set(sys.argv[1].split())))
"""
    heavy = "os re enum socket typing collections dataclasses argparse asyncio pwd pathlib traceback site"
    assert run_python(code, heavy) == ""
