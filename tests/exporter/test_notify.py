"""Does a service manager hear what it should? On a real datagram socket, as systemd listens on."""

from __future__ import annotations

import asyncio
import os
import socket
from contextlib import closing, contextmanager
from typing import TYPE_CHECKING

import pytest

from exporter.notify import Notify

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path


@contextmanager
def manager(address: str) -> Iterator[socket.socket]:
    """Listen as a service manager."""
    with closing(socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)) as listener:
        listener.bind(address)
        listener.settimeout(60)
        yield listener


@pytest.mark.parametrize("is_abstract", [False, True])
def test_states_are_told(tmp_path: Path, is_abstract: bool) -> None:
    """By a path or by an abstract name, which stands with an @ in the environment."""
    name = f"{tmp_path}/notify"
    with manager("\0" + name if is_abstract else name) as listener:
        notify = Notify({"NOTIFY_SOCKET": "@" + name if is_abstract else name})
        notify.ready("serves")
        notify.reloading()
        notify.stopping()
        assert listener.recv(1000) == b"READY=1\nSTATUS=serves"
        first, _, second = listener.recv(1000).decode().partition("\n")
        assert first == "RELOADING=1"
        assert second.partition("=")[0] == "MONOTONIC_USEC"
        assert second.partition("=")[2].isdigit()
        assert listener.recv(1000) == b"STOPPING=1"


def test_nobody_has_to_listen(tmp_path: Path) -> None:
    """Neither where there is no manager nor where it has gone or reads nothing."""
    Notify({}).ready("x")
    Notify({"NOTIFY_SOCKET": f"{tmp_path}/gone"}).ready("x")
    with manager(f"{tmp_path}/full"):
        notify = Notify({"NOTIFY_SOCKET": f"{tmp_path}/full"})
        for _ in range(5000):  # a socket that would block holds nobody up
            notify.stopping()


@pytest.mark.parametrize(
    ("environ", "seconds"),
    [
        ({}, 0),
        ({"WATCHDOG_USEC": "30000000"}, 30),
        ({"WATCHDOG_USEC": "500000", "WATCHDOG_PID": str(os.getpid())}, 0.5),
        ({"WATCHDOG_USEC": "500000", "WATCHDOG_PID": f"9{os.getpid()}"}, 0),
        ({"WATCHDOG_USEC": "soon"}, 0),
        ({"WATCHDOG_USEC": "0"}, 0),
    ],
)
def test_the_watchdog_is_that_of_this_process(environ: dict[str, str], seconds: float) -> None:
    """And there may be none."""
    assert Notify(environ).watchdog == seconds


def test_the_event_loop_tells_that_it_turns(tmp_path: Path) -> None:
    """Twice in each period; who blocks the loop is silent."""
    with manager(f"{tmp_path}/notify") as listener:
        notify = Notify({"NOTIFY_SOCKET": f"{tmp_path}/notify", "WATCHDOG_USEC": "200000"})

        async def live() -> None:
            await asyncio.wait_for(notify.live(), 0.55)

        with pytest.raises(TimeoutError):
            asyncio.run(live())
        listener.settimeout(0)
        heard = 0
        while heard < 100:
            try:
                assert listener.recv(100) == b"WATCHDOG=1"
            except BlockingIOError:
                break
            heard += 1
        assert 3 <= heard <= 6
