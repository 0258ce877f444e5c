"""Does the watchdog see the end of its agent on every kernel, and fail what is overdue?"""

from __future__ import annotations

import os
import posix
import socket
import subprocess
from pathlib import Path
from time import monotonic
from typing import TYPE_CHECKING

import pytest

from agent import manifest, trackfile
from agent.manifest import Guarded
from agent.process import Process
from agent.watchdog import LEAVING, TAKEN, Shared, Watchdog

if TYPE_CHECKING:
    from collections.abc import Iterator


@pytest.fixture(params=["pidfd", "Python without it", "kernel without it"])
def kernel(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> str:
    """Take pidfd_open() away, as Python has none where it was built on an old kernel."""

    def refuse(_pid: int) -> int:
        raise OSError(38, "Function not implemented")

    for module in (os, posix):
        if request.param == "Python without it":
            monkeypatch.delattr(module, "pidfd_open")
        elif request.param == "kernel without it":
            monkeypatch.setattr(module, "pidfd_open", refuse)
    return str(request.param)


@pytest.fixture
def other() -> Iterator[subprocess.Popen[bytes]]:
    """Run another process."""
    with subprocess.Popen(["sleep", "600"]) as process:
        yield process
        process.kill()


@pytest.mark.usefixtures("kernel")
def test_a_process_is_the_one_that_was_meant(other: subprocess.Popen[bytes]) -> None:
    """It gets signals while it lives, and its end is seen before it is waited for."""
    process = Process(other.pid)
    ended = [process.has_ended]
    process.send(0)
    ended.append(process.has_ended)
    process.send(9)
    os.waitid(os.P_PID, other.pid, os.WEXITED | os.WNOWAIT)
    ended.append(process.has_ended)
    other.wait()
    ended.append(process.has_ended)
    assert ended == [False, False, True, True]
    process.send(9)
    process.close()
    with pytest.raises(ProcessLookupError):
        Process(other.pid)


@pytest.mark.usefixtures("kernel")
@pytest.mark.parametrize("leaves", [False, True])
def test_a_watchdog_fails_all_and_ends_when_its_agent_has(tmp_path: Path, leaves: bool) -> None:
    """At the limit of each, or after the grace of a clean end."""
    checks = [Guarded("web", 0.2, "0"), Guarded("pool", 0.4, "-7"), Guarded("held", 0.2, "hold")]
    (tmp_path / "track").mkdir()
    for check in checks:
        trackfile.write(f"{tmp_path}/track/{check.file}", 1)
    text = manifest.encode(checks)
    memory = os.memfd_create("test")
    os.ftruncate(memory, Shared.size(len(checks)) + len(text))
    shared = Shared(memory, len(checks))
    shared.text[:] = text
    begun = monotonic()
    for number in range(len(checks)):
        shared.looks[number] = begun
    agent, own = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    with agent:
        if leaves:
            agent.send(LEAVING + b"0.6")
        watchdog = Watchdog(str(tmp_path), 2**22 - 1, own.detach(), memory, len(checks))  # no parent of this process
        watchdog.run()
        taken = monotonic() - begun
        assert taken >= (0.6 if leaves else 0.4) - 0.01
        values = [Path(tmp_path, "track", check.file).read_bytes() for check in checks]
        assert values == [trackfile.text(0), trackfile.text(-7), trackfile.text(1)]
        assert list(shared.failed) == [1, 1, 1]
        watchdog.agent.close()
        assert agent.recv(64) == (TAKEN if leaves else b"")  # and it was never ready: it is no child of its agent
    os.close(memory)
