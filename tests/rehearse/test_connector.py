"""Is what the rehearsal answers keepalived what the kernel's process connector would?"""

from __future__ import annotations

import os
import select
import shutil
import signal
import subprocess
import sys
import time
from typing import TYPE_CHECKING, Any

import pytest

from rehearse.stage import trap
from rehearse.stage.connector import Connector
from rehearse.stage.connector import is_possible as can_answer
from tests.commands import lacking, needs_namespaces

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

# what keepalived does (track_process.c): it prints each event, and ends with its input
_CLIENT = """import os, socket, struct, sys, threading
plain = socket.socket(socket.AF_NETLINK, socket.SOCK_RAW, 0)
plain.bind((0, 0))
print("plain", plain.getsockname()[0] != 0, flush=True)
events = socket.socket(socket.AF_NETLINK, socket.SOCK_DGRAM | socket.SOCK_CLOEXEC, 11)
events.bind((os.getpid(), 1))
def tell():
    raw = socket.socket(fileno=os.dup(events.fileno()), family=socket.AF_UNIX, type=socket.SOCK_DGRAM)
    raw.setblocking(True)
    while True:
        data, sender = raw.recvfrom(4096)
        length, _, _, _, _, idx, val, seq, ack, size, _, what, cpu, _, one, two, three, _ = struct.unpack(
            "=IHHIIIIIIHHIIQ4I", data[:68])
        port = (b"\\0\\0" + bytes(sender))[4:8] if sender else b""
        assert (length, idx, val, size, cpu, port, len(sender)) == (len(data), 1, 1, 40, 0, b"\\0\\0\\0\\0", 10), sender
        print(seq, ack, hex(what), *([one, three] if what == 1 else [one]), flush=True)
threading.Thread(target=tell, daemon=True).start()
for line in sys.stdin:
    events.send(struct.pack("=IHHIIIIIIHHI", 40, 3, 0, 0, os.getpid(), 1, 1, 0, 0, 4, 0, int(line)))
"""


class _Listener:
    """A process that listens to the connector."""

    def __init__(self, *tracked: tuple[str, bool]) -> None:
        connector = Connector(os.getpid(), [{"path": path, "compares": full} for path, full in tracked])
        connector._proc = "/proc"
        before, descriptors = connector.command()
        command = [*before, sys.executable, "-c", _CLIENT]
        self.popen = subprocess.Popen(
            command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, bufsize=0, pass_fds=descriptors
        )
        connector.start()
        self.connector = connector
        self._rest = b""

    def say(self, operation: int) -> None:
        """Ask for events, or for none."""
        assert self.popen.stdin is not None
        self.popen.stdin.write(b"%d\n" % operation)

    def line(self) -> str:
        """Return the next line."""
        assert self.popen.stdout is not None
        while b"\n" not in self._rest:
            assert select.select([self.popen.stdout], [], [], 20)[0]
            self._rest += self.popen.stdout.read(4096) or b""
        line, _, self._rest = self._rest.partition(b"\n")
        return line.decode()


@pytest.fixture
def begin(tmp_path: Path) -> Iterator[Callable[..., subprocess.Popen[str]]]:
    """Return what starts a copy of a program by a name of its own; all of them end with the test."""
    started: list[subprocess.Popen[str]] = []

    def start(name: str, program: str, *words: str) -> subprocess.Popen[str]:
        place = tmp_path / name
        if not place.exists():
            shutil.copy(program, place)
        started.append(subprocess.Popen([place, *words], stdin=subprocess.PIPE, text=True))
        return started[-1]

    yield start
    for it in started:
        it.kill()
        it.communicate()


@pytest.fixture
def listen() -> Iterator[Callable[..., _Listener]]:
    """Return what starts a listener; all of them end with the test, and who answers them ends too."""
    needs_namespaces()
    if not can_answer():
        lacking("notifications of seccomp, Linux 5.9")
    found: list[_Listener] = []

    def start(*tracked: tuple[str, bool]) -> _Listener:
        found.append(listener := _Listener(*tracked))
        assert listener.line() == "plain True"  # other sockets of netlink are the kernel's
        listener.say(1)
        assert listener.line() == "0 1 0x0 0"
        return listener

    yield start
    for it in found:
        it.popen.kill()
        it.popen.communicate()
        it.connector.join(10)
        assert not it.connector.is_alive()


def test_begin_and_end_of_what_is_tracked_are_told(listen: Any, begin: Any) -> None:
    """Whatever runs already is found in /proc; a stop is no end, and a zombie has ended."""
    first = begin("webx", "/usr/bin/sleep", "100")
    listener = listen(("webx", False), ("/opt/other", True))
    first.send_signal(signal.SIGSTOP)
    with subprocess.Popen(["/opt/other", "100"], executable="/usr/bin/sleep") as second:
        try:
            assert listener.line() == f"1 0 0x2 {second.pid}"
        finally:
            second.kill()
    assert listener.line() == f"2 0 0x80000000 {second.pid}"
    first.kill()  # nobody has waited for it
    assert listener.line() == f"3 0 0x80000000 {first.pid}"


def test_what_a_tracked_process_forks_is_told_as_that(listen: Any, begin: Any) -> None:
    """Keepalived waits its fork_delay for it alone."""
    listener = listen(("forkx", False))
    popen = begin("forkx", "/bin/sh", "-c", "exec 3<&0; read go; (read more <&3; :) & wait")
    assert listener.line() == f"1 0 0x2 {popen.pid}"
    popen.stdin.write("go\n")
    popen.stdin.flush()
    number, _, what, parent, child = listener.line().split()
    assert (number, what, int(parent)) == ("2", "0x1", popen.pid)
    popen.kill()
    assert listener.line() == f"3 0 0x80000000 {popen.pid}"
    os.kill(int(child), signal.SIGKILL)  # it has another parent by now, and is the same process
    assert listener.line() == f"4 0 0x80000000 {child}"


def test_who_does_not_read_gets_all_later(listen: Any, begin: Any) -> None:
    """A keepalived that is frozen learns of sixty ends when it goes on."""
    many = [begin("manyx", "/usr/bin/sleep", "100") for _ in range(60)]
    listener = listen(("manyx", False))
    listener.popen.send_signal(signal.SIGSTOP)
    for it in many:
        it.kill()
        it.wait()
    time.sleep(0.3)
    listener.popen.send_signal(signal.SIGCONT)
    found = [listener.line().split() for _ in many]
    assert [int(it[0]) for it in found] == [*range(1, 61)]
    assert {int(it[3]) for it in found} == {it.pid for it in many}


def test_who_wants_no_more_is_told_no_more(listen: Any, begin: Any) -> None:
    """And from anew when it wants again, as after a reload."""
    listener = listen(("webx", False))
    listener.say(2)
    begin("webx", "/usr/bin/sleep", "100")
    time.sleep(0.3)
    listener.say(1)
    number, ack, what, _ = listener.line().split()
    assert (int(number), ack, what) == (1, "1", "0x0")


def test_a_command_that_cannot_be_started_ends_all_of_it() -> None:
    """And the thread with it."""
    needs_namespaces()
    if not can_answer():
        lacking("notifications of seccomp, Linux 5.9")
    connector = Connector(os.getpid(), [])
    before, descriptors = connector.command()
    with subprocess.Popen([*before, "/nowhere"], pass_fds=descriptors, stderr=subprocess.DEVNULL) as popen:
        connector.start()
        assert popen.wait() != 0
    connector.join(15)
    assert not connector.is_alive()


@pytest.mark.parametrize(("name", "value"), [("_ADD", 0), ("_SET_MODE_FILTER", 99), ("_MACHINES", {})])
def test_a_kernel_that_cannot_do_it_is_known(name: str, value: object, monkeypatch: pytest.MonkeyPatch) -> None:
    """One that lacks a part of it as well: keepalived would wait for ever."""
    code = f"from rehearse.stage import trap; trap.{name} = {value!r}; trap.main()"
    monkeypatch.setattr(trap, "_LAUNCHER", trap._LAUNCHER.replace("from rehearse.stage.trap import main; main()", code))
    monkeypatch.setattr(trap, name, value)
    begun = time.monotonic()
    assert not can_answer()
    assert time.monotonic() - begun < 8  # at once, and not when patience ends
