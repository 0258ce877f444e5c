"""Does a command leave in time when a file that it reads lies on a mount that never answers?"""

from __future__ import annotations

import contextlib
import os
import shlex
import shutil
import subprocess
import sys
import time
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from tests.commands import FAR, environment, run, shell, start
from tests.servers.stuck import dead_mount

if TYPE_CHECKING:
    from collections.abc import Iterator

COMMANDS = {
    "pidfile": ("process", "-C", "init", "--pidfile", "{dead}/file"),
    "defaults": ("mysql_ping", "-H", "127.0.0.1", "-f", "{dead}/file"),
    "socket": ("mysql_ping", "-s", "/nowhere", "-f", "{dead}/file"),
    "ca": ("http_digest", "-H", "127.0.0.1", "--tls", "--ca-file", "{dead}/file"),
    "key": ("mysql_ping", "-H", "127.0.0.1", "-f", "{tmp}/my.cnf", "--insecure"),
    "file": ("file_state", "-f", "{dead}/file"),
    "cmdline": ("process", "-a", "haproxy", "--proc", "{tmp}/proc"),
}


@contextmanager
def dead(tmp_path: Path) -> Iterator[dict[str, str]]:
    """Yield what stands for a dead mount, which a stranger asks already: who asks after him cannot even be killed."""
    (tmp_path / "my.cnf").write_text(f"[client]\nssl-cert={tmp_path}/dead/file\n")
    one = tmp_path / "proc" / "1"
    one.mkdir(parents=True)
    (one / "comm").write_text("init\n")
    (one / "cmdline").symlink_to(tmp_path / "dead" / "cmdline")
    with (
        dead_mount(tmp_path / "dead") as mount,
        subprocess.Popen(["cat", mount / "file"], stderr=subprocess.DEVNULL) as cat,
    ):
        wait_for(cat.pid, "request_wait_answer")
        yield {"dead": str(mount), "tmp": str(tmp_path)}
        cat.kill()


def wait_for(pid: int, place: str) -> None:
    """Wait until a process sleeps in a place of the kernel."""
    deadline = time.monotonic() + 20
    while True:
        with open(f"/proc/{pid}/wchan") as file:  # noqa: PTH123 - as the kernel's
            if place in file.read():
                return
        assert time.monotonic() < deadline
        time.sleep(0.005)


@pytest.mark.skipif(os.geteuid() != 0, reason="mounting is for root")
@pytest.mark.parametrize("which", COMMANDS)
def test_a_file_that_never_answers_is_left_behind(tmp_path: Path, which: str) -> None:
    """At the deadline, with the code of a failure, and with nobody who holds the caller's pipes."""
    with dead(tmp_path) as places:
        check, *options = (word.format(**places) for word in COMMANDS[which])
        keepalived = run(tmp_path, f"chk_{check}", *options, "-t", "0.5")
        nagios = run(tmp_path, f"check_{check}", *options, "-t", "0.5:unknown")
    assert (keepalived.code, nagios.code) == (1, 3)
    for ran in (keepalived, nagios):
        # the second is for a machine so busy that it wakes nobody in time
        tried = "could not be read within 0.5 s" if ran is keepalived else "is still being read by an earlier run (pid "
        said = (tried, "did not end within its 0.5 s")
        assert any(text in ran.out for text in said), ran.out
        assert ran.seconds < FAR


def running(name: str) -> list[str]:
    """Return the processes that have a name in their command line."""
    found = []
    for path in Path("/proc").glob("[0-9]*/cmdline"):
        with contextlib.suppress(OSError):
            if name.encode() in path.read_bytes():
                found.append(path.parent.name)
    return found


@pytest.mark.skipif(os.geteuid() != 0, reason="mounting is for root")
@pytest.mark.parametrize(
    ("line", "name"),
    [
        ("chk_file_state -f {dead}/file -t 0.3", "/chk_file_state\0-f\0{dead}"),
        ("chk_command --run '{tmp}/look {dead}/file' -t 0.3", "{tmp}/look\0"),
    ],
)
def test_many_runs_leave_one_process_behind(tmp_path: Path, line: str, name: str) -> None:
    """Else a dead disk would use up the processes that keepalived may have, and no script could run any more."""
    (tmp_path / "look").symlink_to(str(shutil.which("cat")))
    with dead(tmp_path) as places:
        ran = [run(tmp_path, *shlex.split(line.format(**places))) for _ in range(4)]
        left = running(name.format(**places))
    assert {it.code for it in ran} == {1}
    assert f"(pid {left[0]})" in ran[3].out
    assert len(left) == 1
    assert run(tmp_path, "chk_file_state", "-f", __file__).code == 0


@pytest.mark.skipif(os.geteuid() != 0, reason="mounting is for root")
@pytest.mark.parametrize("which", COMMANDS)
def test_a_signal_ends_who_waits_for_a_file(tmp_path: Path, which: str) -> None:
    """Long before its deadline."""
    with dead(tmp_path) as places:
        check, *options = (word.format(**places) for word in COMMANDS[which])
        with start(tmp_path, f"chk_{check}", *options, "-t", "60") as process:
            try:
                wait_for(process.pid, "poll")
                process.terminate()
                process.communicate(timeout=20)
            finally:
                process.kill()
    assert process.returncode == 1


HUNG = """
mount -t tmpfs tmpfs /run
mkdir /run/nscd
mkfifo /run/end
"$1" -ISc 'import socket as s; x = s.socket(1); x.bind("/run/nscd/socket"); x.listen(); open("/run/end").read()' &
while [ ! -S /run/nscd/socket ]; do :; done
code=0
chk_process -u nobody-here -t 0.5 || code=$?
chk_process -u root -t 5 || code=9
echo >/run/end
wait
exit $code
"""


@pytest.mark.skipif(os.geteuid() != 0, reason="mounting is for root")
def test_a_user_is_looked_up_within_the_deadline(tmp_path: Path) -> None:
    """With a name service that takes the question and is never heard of again; what /etc/passwd says needs none."""
    ran = shell(tmp_path, HUNG, sys.executable, flags=["-m"])
    assert ran.code == 1, ran
    assert "the user nobody-here could not be read within 0.5 s" in ran.out


def test_a_file_is_read_as_it_is(tmp_path: Path) -> None:
    """By a child, what it cannot read told as if it had been read here."""
    pidfile = tmp_path / "pid"
    ask = ("chk_process", "--pidfile", str(pidfile))
    assert "is not there" in run(tmp_path, *ask).out
    pidfile.mkdir()
    assert "Is a directory" in run(tmp_path, *ask).out
    pidfile.rmdir()
    os.mkfifo(pidfile)
    assert "does not start with the number" in run(tmp_path, *ask).out
    pidfile.unlink()
    pidfile.write_text(f"{os.getpid()}\n" + "x" * 100_000)
    assert run(tmp_path, *ask).code == 0


@pytest.mark.skipif(os.geteuid() != 0, reason="mounting is for root")
@pytest.mark.parametrize(
    ("command", "line", "text"),
    [
        ("chk_service", ("-C", "nobody", "--restart", "touch {tmp}/restarted"), "/dead/state/service/touch"),
        ("chk_haproxy", ("--conf", "{dead}/file", "--command", "sh"), "/dead/file could not be read"),
    ],
)
def test_a_service_is_not_held_up_by_its_disk(tmp_path: Path, command: str, line: tuple[str, ...], text: str) -> None:
    """What it remembers, and where it is asked, may lie there: it fails in time, says why and restarts nothing."""
    with dead(tmp_path) as places:
        env = environment(tmp_path) | {"VIPWARDEN_STATE_DIR": places["dead"] + "/state"}
        ran = run(tmp_path, command, *(word.format(**places) for word in line), "--timeout", "0.9", env=env)
    assert ran.code == 1
    assert text in ran.out + ran.err, ran
    assert "is a mount dead?" in ran.out + ran.err
    assert ran.seconds < FAR
    assert not (tmp_path / "restarted").exists()
