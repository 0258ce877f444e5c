"""Does a command wait, work aside and end as it must, whatever hangs?"""

from __future__ import annotations

import asyncio
import os
import signal
import threading
import time
from typing import TYPE_CHECKING

import pytest

from tests.commands import FAR
from vipwarden.core.result import OK, UNKNOWN, Result
from vipwarden.net.blocking import BlockingNet, run
from vipwarden.net.file import be_child, result_of
from vipwarden.net.stream import NetError

if TYPE_CHECKING:
    from collections.abc import Callable, Coroutine, Iterator
    from typing import Any


def outcome(work: Callable[[BlockingNet], Coroutine[object, None, object]], timeout: float = 60) -> Any:
    """Return the result of some work on a BlockingNet."""
    net = BlockingNet()
    net.begin(timeout)
    try:
        work(net).send(None)
    except StopIteration as end:
        return end.value
    raise AssertionError("it waits for something else than its Net")


def fail() -> None:
    """Fail as a file does that is missing."""
    raise FileNotFoundError(2, "No such file")


WAYS = ("away", "beside")


@pytest.mark.parametrize("way", WAYS)
def test_work_has_its_result_or_its_error(way: str) -> None:
    """In a child as in a thread."""
    assert outcome(lambda net: getattr(net, way)("it", lambda: (1, "two", b"3" * 200_000))) == (
        1,
        "two",
        b"3" * 200_000,
    )
    with pytest.raises(FileNotFoundError, match="No such file"):
        outcome(lambda net: getattr(net, way)("it", fail))


@pytest.mark.parametrize("way", WAYS)
def test_work_that_hangs_is_abandoned_at_the_deadline(way: str) -> None:
    """With an error that names what it read."""
    end = threading.Event()
    with pytest.raises(NetError, match="it could not be read within") as stuck:
        outcome(lambda net: getattr(net, way)("it", lambda: end.wait(60)), 0.1)
    end.set()
    assert (stuck.value.kind, stuck.value.expired) == ("stuck", True)


def test_work_away_is_that_of_another_process() -> None:
    """But of a thread where others run, whose locks a child would inherit."""
    alone = outcome(lambda net: net.away("it", os.getpid))
    if threading.active_count() == 1:
        assert alone != os.getpid()
    end = threading.Event()
    other = threading.Thread(target=end.wait)
    other.start()
    try:
        assert outcome(lambda net: net.away("it", os.getpid)) == os.getpid()
    finally:
        end.set()
        other.join()


def test_a_child_that_dies_is_an_error() -> None:
    """And no result."""
    source, sink = os.pipe()
    child = os.fork()
    if not child:
        be_child(lambda: os.kill(os.getpid(), signal.SIGKILL), sink)
    os.close(sink)
    assert os.read(source, 10) == b""
    os.close(source)
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == -signal.SIGKILL
    with pytest.raises(OSError, match="Input/output error"):
        result_of(b"")


async def nothing() -> Result:
    """Answer at once."""
    return Result(OK, "done")


async def spin() -> Result:
    """Never answer."""
    while True:
        pass


@pytest.fixture
def alarms() -> Iterator[list[int]]:
    """Put an alarm clock of the caller's in the place of the test runner's, and return the alarms that it heard."""
    heard: list[int] = []
    handler = signal.signal(signal.SIGALRM, lambda number, _frame: heard.append(number))
    timer = signal.setitimer(signal.ITIMER_REAL, 60)
    yield heard
    signal.setitimer(signal.ITIMER_REAL, *timer)
    signal.signal(signal.SIGALRM, handler)


def test_the_alarm_clock_of_the_caller_goes_on(alarms: list[int]) -> None:
    """Who runs a check in a process of his own may have set one: the time limit of these tests is such a clock."""
    mine = signal.getsignal(signal.SIGALRM)
    assert run(nothing(), 10).state is OK
    assert run(spin(), 0.01).expired
    with pytest.raises(ZeroDivisionError):
        run(failing(), 10)
    assert signal.getsignal(signal.SIGALRM) is mine
    assert 50 < signal.getitimer(signal.ITIMER_REAL)[0] <= 60
    assert alarms == []


async def failing() -> Result:
    """Have a bug."""
    return Result(OK, str(1 / 0))


def test_a_check_that_hangs_outside_of_the_network_is_ended() -> None:
    """A stuck /proc or a wild regular expression: the timer ends it a twentieth of a second after the deadline."""

    async def hang() -> Result:
        while True:
            pass

    begun = time.monotonic()
    result = run(hang(), 0.2)
    assert 0.24 < time.monotonic() - begun < FAR
    assert (result.state, result.expired) == (UNKNOWN, True)


def test_waiting_for_something_else_than_the_net_is_a_bug() -> None:
    """A check written for asyncio alone is refused by the blocking driver, and not half run."""

    async def asyncio_only() -> Result:
        await asyncio.sleep(1)
        return Result(OK, "never")

    with pytest.raises(RuntimeError):
        run(asyncio_only(), 1)
