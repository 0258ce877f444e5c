"""Does a log that cannot be written ever cost more than its lines?"""

from __future__ import annotations

import os
import select
import signal
import socket
import subprocess
from contextlib import contextmanager, suppress
from typing import TYPE_CHECKING

import pytest

from agent.log import Log
from tests.agent.running import watchdogs
from tests.commands import BIN, environment
from tests.servers import misbehaving as servers
from vipwarden.state import paths, verdict

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

MANY = 2000  # lines: more than wait, and than any pipe holds


def lines(source: int, last: str) -> list[str]:
    """Read lines until one holds ``last``."""
    text = ""
    while last not in text:
        assert select.select([source], [], [], 10)[0], text[-200:]
        text += os.read(source, 65536).decode()
    return text.splitlines()


def test_a_reader_that_hangs_costs_lines_and_no_time() -> None:
    """What does not fit is counted, and told when somebody reads again."""
    inlet, outlet = os.pipe()
    log = Log(outlet, 100)
    for number in range(MANY):
        log.say(f"{number} {'x' * 500}")
    log.close(0.1)
    assert 0 < log.dropped < MANY
    dropped, found, told = log.dropped, 0, 0
    while (found, told) != (MANY - dropped, dropped):
        assert select.select([inlet], [], [], 10)[0], (found, told, dropped)
        text = os.read(inlet, 1 << 20).decode()
        found += text.count(" x")
        told += sum(int(line.split()[0]) for line in text.splitlines() if "could not be written" in line)
    log.say("once more")
    assert lines(inlet, "once more") == ["once more"]
    assert log.dropped == dropped
    for descriptor in (inlet, outlet):
        os.close(descriptor)


def test_what_takes_no_line_is_no_reason_to_end() -> None:
    """EPIPE, ENOSPC, and a descriptor that is not open."""
    inlet, outlet = os.pipe()
    os.close(inlet)
    full = os.open("/dev/full", os.O_WRONLY)
    for descriptor in (outlet, full, 10**6):
        log = Log(descriptor)
        log.say("one")
        log.say("two")
        log.close(10)
        assert log.dropped == 2
    os.close(outlet)
    os.close(full)


def test_a_descriptor_that_does_not_block_is_waited_for() -> None:
    """Whoever shares it may have made it so."""
    inlet, outlet = os.pipe()
    os.set_blocking(outlet, False)
    log = Log(outlet, MANY)
    for number in range(MANY):
        log.say(f"{number} {'x' * 100}")
    assert len(lines(inlet, f"{MANY - 1} x")) == MANY
    for descriptor in (inlet, outlet):
        os.close(descriptor)


@contextmanager
def talking(folder: Path, out: int, port: int) -> Iterator[subprocess.Popen[bytes]]:
    """Run an agent whose forty checks change each second, which is told."""
    check = f"check: port, host: 127.0.0.1, interval: 0.1, syslog: false, agent_loss_after: 5, port: {port}"
    told = "\n".join(f'  "{number} {"x" * 180}": {{{check}}}' for number in range(40))
    (folder / "vipwarden.yaml").write_text(f"checks:\n{told}\n")
    (folder / "run").mkdir()
    line = [str(BIN / "vipwarden"), "agent", "--config", str(folder / "vipwarden.yaml")]
    with subprocess.Popen(line, stdout=out, stderr=out, env=environment(folder)) as process:
        try:
            yield process
        finally:
            process.kill()
            process.wait()
            for pid in watchdogs(folder / "run"):
                os.kill(pid, signal.SIGKILL)


def states(folder: Path) -> set[str]:
    """Return what the track files say."""
    return {path.read_text() for path in (folder / "run" / "track").glob("[!.]*")}


def come(process: subprocess.Popen[bytes], folder: Path, wanted: set[str]) -> None:
    """Wait until the track files say this."""
    for _ in range(3000):
        assert process.poll() is None
        if states(folder) == wanted:
            return
        select.select([], [], [], 0.01)
    pytest.fail(f"{states(folder)} in place of {wanted}")


def stuck(kind: str) -> list[int]:
    """Return descriptors, the last one of which is a standard output that does not take a line."""
    if kind == "full":
        return [os.open("/dev/full", os.O_WRONLY)]
    inlet, outlet = os.pipe() if kind != "socket" else (end.detach() for end in socket.socketpair())
    if kind == "broken":
        os.close(inlet)
        return [outlet]
    os.set_blocking(outlet, False)
    while select.select([], [outlet], [], 0)[1]:
        with suppress(BlockingIOError):
            os.write(outlet, b"x" * 4096)
    os.set_blocking(outlet, True)
    return [inlet, outlet]


@pytest.mark.parametrize("kind", ["pipe", "socket", "broken", "full"])
def test_the_agent_goes_on_without_a_log(tmp_path: Path, kind: str) -> None:
    """A pipe that is full, a journal that is stopped, EPIPE, ENOSPC: verdicts change, stop is stop."""
    ends = stuck(kind)
    server = servers.listening()
    try:
        with talking(tmp_path, ends[-1], server.port) as process:
            with server:
                come(process, tmp_path, {"1   \n"})
            come(process, tmp_path, {"0   \n"})
            if kind in ("broken", "full"):
                come_dropped(tmp_path)
            process.send_signal(signal.SIGTERM)
            assert process.wait(10) == 0
    finally:
        for descriptor in ends:
            os.close(descriptor)


def come_dropped(folder: Path) -> None:
    """Wait until the agent has counted what could not be written."""
    for _ in range(3000):
        own = verdict.read(f"{folder}/run/verdict/{paths.file_name('vipwarden agent')}")
        if own is not None and any(m.name == "log_lines_dropped" and m.value > 0 for m in own.result.metrics):
            return
        select.select([], [], [], 0.01)
    pytest.fail("nothing was dropped")
