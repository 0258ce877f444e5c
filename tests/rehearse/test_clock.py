"""Is a clock that a rehearsal steps set right again, and is it left alone where it cannot be?

No test here steps the clock of the machine: it is a false one, or the right to do so is taken away.
"""

from __future__ import annotations

import os
import select
import socket
import subprocess
import sys
import threading
import time
from contextlib import contextmanager
from typing import TYPE_CHECKING

import pytest

from rehearse.stage.clock import Clock, keep, step
from tests.commands import BIN, CODE, program

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

_HOUR = 3600
_NODES = [f"{name}={CODE}/docs/rehearse/fault/{name}.conf" for name in ("lb1", "lb2")]
_WITHOUT = ("--bounding-set=-sys_time", "--inh-caps=-sys_time")
_STEP = """
import os
from pathlib import Path
from rehearse.stage import clock as module
from rehearse.stage.apart import StageError
from rehearse.stage.clock import kept_clock, step
rights = int(Path("/proc/self/status").read_text().partition("CapEff:")[2].split()[0], 16)
assert not rights & 1 << 25
module._NAME += str(os.getpid())
with kept_clock() as clock:
    try:
        step(clock, 3600, 1)
    except OSError as error:
        print(error)
    try:
        with kept_clock():
            pass
    except StageError as error:
        print(error)
"""


class Untrue(Clock):
    """A clock that is wrong by some seconds, and may be forbidden to set."""

    def __init__(self) -> None:
        super().__init__()
        self.wrong = 0
        self.is_forbidden = False

    def read(self) -> int:
        """Return its time."""
        return super().read() + self.wrong

    def write(self, now: int) -> None:
        """Set it, where that is allowed."""
        if self.is_forbidden:
            raise PermissionError(1, "Operation not permitted")
        self.wrong = now - super().read()

    @property
    def by(self) -> int:
        """The seconds."""
        return round(self.wrong / 10**9)


@contextmanager
def kept(clock: Clock) -> Iterator[socket.socket]:
    """Give the socket by which a clock is stepped; at the end nobody keeps it any more."""
    own, other = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    keeper = threading.Thread(target=keep, args=(other, clock))
    keeper.start()
    with own, other:
        yield own
        own.close()
        keeper.join()


def test_a_clock_is_right_again_to_a_millisecond() -> None:
    """After steps in both directions, also one after the other."""
    clock = Untrue()
    for seconds in (_HOUR, -_HOUR, 0, 0, _HOUR, 0):
        clock.step(seconds)
        assert clock.by == seconds
        assert clock.is_stepped is (seconds != 0)
    assert abs(clock.wrong) < 10_000_000


def test_what_others_set_meanwhile_is_not_undone() -> None:
    """A time daemon that sets it right has set it right."""
    clock = Untrue()
    clock.step(_HOUR)
    clock.wrong = 0
    clock.step(0)
    assert clock.by == 0
    clock.wrong = 5 * 10**9
    clock.step(_HOUR)
    clock.step(0)
    assert clock.by == 5


def test_whoever_asked_for_it_is_gone() -> None:
    """It is set right at once."""
    clock = Untrue()
    with kept(clock) as own:
        step(own.fileno(), _HOUR, 600)
        assert clock.by == _HOUR
    assert (clock.by, clock.is_stepped) == (0, False)


def test_whoever_asked_for_it_was_killed_before_the_answer() -> None:
    """The kernel reports an answer that nobody has read as an error."""
    clock = Untrue()
    with kept(clock) as own:
        own.send(b"3600 600")
        assert select.select([own], [], [], 30)[0]
        assert clock.by == _HOUR
    assert clock.by == 0


def test_whoever_asked_for_it_has_stopped(monkeypatch: pytest.MonkeyPatch) -> None:
    """It is set right when the time for it is over, and can be stepped again."""
    monkeypatch.setattr("rehearse.stage.clock._LATE", 0)
    clock = Untrue()
    with kept(clock) as own:
        step(own.fileno(), -_HOUR, 1)
        end = time.monotonic() + 30
        while clock.by:
            assert time.monotonic() < end
            time.sleep(0.02)
        step(own.fileno(), _HOUR, 600)
        assert clock.by == _HOUR
        step(own.fileno(), 0, 600)
        assert clock.by == 0


def test_a_step_that_is_refused_is_told() -> None:
    """With the reason, and so is a keeper that is gone."""
    clock = Untrue()
    clock.is_forbidden = True
    with kept(clock) as own, pytest.raises(OSError, match=r"the clock was not stepped: .*not permitted"):
        step(own.fileno(), _HOUR, 1)
    here, there = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    there.close()
    with here, pytest.raises(OSError, match=r"pipe|has ended"):
        step(here.fileno(), _HOUR, 1)


@pytest.mark.parametrize("message", [b"3600", b"x y", b"1e9 1", b"nan inf", b"\xff\xff", b"1 2 3", b"9" * 99])
def test_what_is_no_request_steps_nothing(message: bytes) -> None:
    """It is answered."""
    clock = Untrue()
    with kept(clock) as own:
        own.send(message)
        assert select.select([own], [], [], 30)[0]
        assert own.recv(200) != b"ok"
        assert clock.wrong == 0


def test_without_the_right_nothing_is_run_and_nothing_stepped(tmp_path: Path) -> None:
    """The command is refused before it does anything, and its keeper by the kernel."""
    without = (program("setpriv"), *_WITHOUT) if os.geteuid() == 0 else ()
    begun = time.time() - time.monotonic()
    ran = subprocess.run(
        [*without, BIN / "vipwarden", "rehearse", *_NODES, "--step-clock", "--html", tmp_path / "report.html"],
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )
    assert (ran.returncode, ran.stdout) == (3, "")
    assert ran.stderr.startswith("vipwarden rehearse: --step-clock: this process may not set the clock (")
    assert "nothing was run" in ran.stderr
    assert [*tmp_path.iterdir()] == []
    asked = [*without, sys.executable, "-c", _STEP]
    said = subprocess.run(asked, capture_output=True, text=True, check=True, cwd=CODE, timeout=60).stdout
    assert said.startswith("the clock was not stepped: ")
    assert "--step-clock: another rehearsal steps the clock" in said
    assert abs(time.time() - time.monotonic() - begun) < _HOUR / 2
