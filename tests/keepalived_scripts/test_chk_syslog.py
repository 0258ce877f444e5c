"""Does syslog get each change of a verdict, and delay none?"""

from __future__ import annotations

import contextlib
import socket
from typing import TYPE_CHECKING

import pytest

from tests.commands import shell
from tests.keepalived_scripts.ask import at
from tests.servers import misbehaving as servers

if TYPE_CHECKING:
    from pathlib import Path


DEV = 'mount -t tmpfs tmpfs /dev; mknod -m 666 /dev/null c 1 3; ln -s "$1" /dev/log; shift; '


def test_each_change_of_verdict_goes_to_syslog_once(tmp_path: Path) -> None:
    """With the reason, as keepalived itself says no more than that a script failed; without a change nothing."""
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as syslog, servers.greeting() as server:
        syslog.bind(str(tmp_path / "log"))
        syslog.setblocking(False)

        def lines() -> list[str]:
            shell(tmp_path, DEV + 'exec chk_port "$@"', str(tmp_path / "log"), *ask, flags=["-m"])
            found = []
            with contextlib.suppress(BlockingIOError):
                while True:
                    found.append(syslog.recv(65536).decode())
            return found

        ask = at(server, "-e", "SSH", "--name", "ssh", "-t", "0.3")
        healthy = server.behave
        (first,) = lines()
        assert first.startswith("<29>chk_port[")
        assert f"]: ssh: first run -> OK: 127.0.0.1:{server.port} is open and sent what was expected" in first
        assert lines() == []
        server.behave = servers.hold
        (failed,) = lines()
        assert failed.startswith("<27>chk_port[")
        assert f"ssh: OK -> CRITICAL: no answer from 127.0.0.1:{server.port} within 0.3 s" in failed
        assert lines() == []
        server.behave = healthy
        (well,) = lines()
        assert well.startswith("<29>chk_port[")
        assert "ssh: CRITICAL -> OK: " in well


@pytest.mark.parametrize("kind", [socket.SOCK_DGRAM, socket.SOCK_STREAM])
@pytest.mark.alone
def test_a_syslog_that_hangs_delays_no_answer(tmp_path: Path, kind: socket.SocketKind) -> None:
    """Its queue is full and nobody reads: the line is lost, the answer is not."""
    path = str(tmp_path / "log")
    with socket.socket(socket.AF_UNIX, kind) as syslog, contextlib.ExitStack() as fillers:
        syslog.bind(path)
        if kind == socket.SOCK_STREAM:
            syslog.listen(0)
        with contextlib.suppress(BlockingIOError):
            for _ in range(5000):
                filler = fillers.enter_context(socket.socket(socket.AF_UNIX, kind))
                filler.setblocking(False)
                filler.connect(path)
                while kind == socket.SOCK_DGRAM:
                    filler.send(b"x")
        with servers.listening() as server:
            ran = shell(tmp_path, DEV + 'exec chk_port "$@"', path, *at(server), flags=["-m"])
    assert ran.code == 0
    assert ran.seconds < 3


def test_a_stream_syslog_gets_its_line_too(tmp_path: Path) -> None:
    """Some daemons listen on a stream; lines end with a zero there."""
    with socket.socket(socket.AF_UNIX) as syslog, servers.listening() as server:
        syslog.bind(str(tmp_path / "log"))
        syslog.listen()
        shell(tmp_path, DEV + 'exec chk_port "$@"', str(tmp_path / "log"), *at(server), flags=["-m"])
        syslog.settimeout(60)
        client = syslog.accept()[0]
        with client:
            said = client.recv(65536)
    assert b"first run -> OK" in said
    assert said.endswith(b"\0")
