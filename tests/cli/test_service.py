"""Does a service manager hear what it should, and is a service reloaded as a whole or not at all?"""

from __future__ import annotations

import asyncio
import os
import signal
import socket
from contextlib import closing, contextmanager
from threading import Thread
from typing import TYPE_CHECKING

import pytest

from cli.service import serve, watchdog
from exporter.http.server import start
from exporter.settings import settings
from tests.servers.ports import free_ports
from vipwarden.config.document import ConfigError
from vipwarden.core.listen import Listen
from vipwarden.core.systemd import notify

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path


@contextmanager
def manager(address: str) -> Iterator[socket.socket]:
    """Listen as a service manager."""
    with closing(socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)) as listener:
        listener.bind(address)
        listener.settimeout(60)
        yield listener


class Counting:
    """A service that counts its reloads; ``broken`` is what the next ones raise."""

    def __init__(self) -> None:
        self.reloads = 0
        self.broken: list[Exception] = []

    @property
    def status(self) -> str:
        """How many reloads there were."""
        return f"{self.reloads} reloads"

    async def run(self, ready: Callable[[], None]) -> None:
        """Work, and be told to reload at once."""
        os.kill(os.getpid(), signal.SIGHUP)
        await asyncio.sleep(0.05)  # it waits for the start
        assert not self.reloads
        ready()
        await asyncio.Future()

    async def reload(self) -> None:
        """Count, or break."""
        if self.broken:
            raise self.broken.pop(0)
        self.reloads += 1


def until_it_ends(listener: socket.socket) -> Iterator[bytes]:
    """Yield what the manager hears of a service."""
    heard = b""
    while heard != b"STOPPING=1":
        heard = listener.recv(1000)
        yield heard


@pytest.mark.parametrize("is_abstract", [False, True])
def test_a_life_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, is_abstract: bool) -> None:
    """By a path or by an abstract name, which stands with an @ in the environment."""
    name = f"{tmp_path}/notify"
    monkeypatch.setenv("NOTIFY_SOCKET", "@" + name if is_abstract else name)
    monkeypatch.setenv("WATCHDOG_USEC", "100000")
    service, lines, heard = Counting(), list[str](), list[bytes]()
    errors = [ConfigError("f:1: a is wrong"), OSError(28, "No space left on device"), ZeroDivisionError("a bug")]
    service.broken = errors

    def say(line: str) -> None:
        lines.append(line)
        os.kill(os.getpid(), signal.SIGHUP if len(lines) < 4 else signal.SIGTERM)

    with manager("\0" + name if is_abstract else name) as listener:
        reader = Thread(target=lambda: heard.extend(until_it_ends(listener)))  # few messages wait for it
        reader.start()
        asyncio.run(serve(service, say))
        reader.join()
    assert heard[0] == b"READY=1\nSTATUS=0 reloads"
    assert b"READY=1\nSTATUS=1 reloads" in heard
    assert b"WATCHDOG=1" in heard
    reloading = [words for words in heard if words.startswith(b"RELOADING=1\nMONOTONIC_USEC=")]
    assert len(reloading) == 4
    assert reloading[0].rpartition(b"=")[2].isdigit()
    assert lines[0] == "not reloaded, everything goes on as before: f:1: a is wrong"
    assert lines[1] == "not reloaded, everything goes on as before: No space left on device"
    assert "internal error in reload: ZeroDivisionError: a bug" in lines[2]
    assert lines[3] == "reloaded: 1 reloads"


def test_a_service_that_cannot_run_ends_with_its_reason() -> None:
    """And without a manager nobody is told."""

    class Broken(Counting):
        async def run(self, ready: Callable[[], None]) -> None:  # noqa: ARG002 - it never is
            raise ConfigError("f:1: a is wrong")

    with pytest.raises(ConfigError, match="f:1"):
        asyncio.run(serve(Broken(), print))


def test_nobody_has_to_listen(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Neither where there is no manager nor where it has gone or reads nothing."""
    monkeypatch.delenv("NOTIFY_SOCKET", raising=False)
    assert not notify("READY=1")
    monkeypatch.setenv("NOTIFY_SOCKET", f"{tmp_path}/gone")
    assert not notify("READY=1")
    monkeypatch.setenv("NOTIFY_SOCKET", f"{tmp_path}/full")
    with manager(f"{tmp_path}/full"):
        for _ in range(5000):  # a socket that would block holds nobody up
            notify("STOPPING=1")


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
    assert watchdog(environ) == seconds


def test_what_the_agent_refuses_the_exporter_does_not_take_over() -> None:
    """``vipwarden run`` reloads both or none: the new address is not served, the old one is."""

    async def refuse() -> None:
        raise OSError(28, "No space left on device")

    async def reload() -> None:
        first, second = free_ports(2)
        server = await start(settings(listen=(Listen(f"127.0.0.1:{first}"),)))
        try:
            with pytest.raises(OSError, match="No space left"):
                await server.reload(settings(listen=(Listen(f"127.0.0.1:{second}"),)), refuse)
            assert [address[1] for address in server.addresses] == [first]
            with pytest.raises(ConnectionRefusedError):
                await asyncio.open_connection("127.0.0.1", second)
            _, writer = await asyncio.open_connection("127.0.0.1", first)
            writer.close()
        finally:
            await server.cleanup()

    asyncio.run(reload())
