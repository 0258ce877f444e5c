"""Does a line reach syslog, and does nobody wait where it does not?"""

from __future__ import annotations

import os
import socket
from typing import TYPE_CHECKING

import pytest

from vipwarden.core.syslog import ERROR, NOTICE, log

if TYPE_CHECKING:
    from pathlib import Path


@pytest.mark.parametrize("kind", [socket.SOCK_DGRAM, socket.SOCK_STREAM])
def test_a_line_arrives(tmp_path: Path, kind: socket.SocketKind) -> None:
    """By a datagram, or with a zero byte at its end by a stream."""
    path = str(tmp_path / "log")
    with socket.socket(socket.AF_UNIX, kind) as daemon:
        daemon.bind(path)
        if kind == socket.SOCK_STREAM:
            daemon.listen()
        assert log("chk_port", NOTICE, "web: OK -> ü", path)
        daemon.settimeout(60)
        with daemon.accept()[0] if kind == socket.SOCK_STREAM else daemon.dup() as source:
            data = source.recv(4096)
    end = b"\0" if kind == socket.SOCK_STREAM else b""
    assert data == f"<29>chk_port[{os.getpid()}]: web: OK -> ü".encode() + end


def test_a_line_that_nobody_takes_is_lost(tmp_path: Path) -> None:
    """At once: no daemon, or one whose queue is full."""
    path = str(tmp_path / "log")
    assert not log("x", ERROR, "lost", path)
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as daemon:
        daemon.bind(path)
        assert any(not log("x", ERROR, "y" * 1000, path) for _ in range(100_000))
