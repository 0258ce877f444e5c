"""Does the agent stay as it is over a life of checks? Against servers that refuse, reset, drip, hang and lie.

$SOAK_CHECKS says how many checks it takes, 20 000 by default; 2 million are what an agent of 25 checks does in a day.
"""

from __future__ import annotations

import os
import re
import selectors
import socket
import struct
import subprocess
import threading
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from tests.agent.running import Running, agent
from tests.commands import program
from vipwarden.state import verdict

if TYPE_CHECKING:
    from collections.abc import Iterator

CHECKS = int(os.environ.get("SOAK_CHECKS", "20000"))
KINDS = ("hold", "reset", "hang_up", "drip", "lie", "page", "pour")
RST = struct.pack("ii", 1, 0)
PAGE = b"HTTP/1.0 200 OK\r\nContent-Length: 5\r\n\r\nhello"


class BadServers:
    """One listener of each kind, all in one thread: what a thousand connections a second need."""

    def __init__(self) -> None:
        self.selector = selectors.DefaultSelector()
        self.ports: dict[str, int] = {}
        self.stopped = False
        self.listeners = []
        for kind in KINDS:
            listener = socket.create_server(("127.0.0.1", 0), backlog=512)
            listener.setblocking(False)
            self.selector.register(listener, selectors.EVENT_READ, kind)
            self.ports[kind] = listener.getsockname()[1]
            self.listeners.append(listener)
        with socket.socket() as closed:
            closed.bind(("127.0.0.1", 0))
            self.ports["closed"] = closed.getsockname()[1]

    def serve(self) -> None:
        """Serve until it is stopped."""
        clients: dict[socket.socket, str] = {}
        while not self.stopped:
            for key, _ in self.selector.select(0.02):
                assert isinstance(key.fileobj, socket.socket)
                if key.fileobj in clients:
                    self.answer(key.fileobj, clients)
                else:
                    self.accept(key.fileobj, key.data, clients)
            for client in [client for client, kind in clients.items() if kind in ("drip", "pour")]:
                self.say(client, b"x" if clients[client] == "drip" else b"x" * 4096, clients)
        for client in list(clients):
            self.close(client, clients)
        for listener in self.listeners:
            listener.close()
        self.selector.close()

    def accept(self, listener: socket.socket, kind: str, clients: dict[socket.socket, str]) -> None:
        """Take a connection and do the first thing by it."""
        try:
            client = listener.accept()[0]
        except OSError:
            return
        client.setblocking(False)
        clients[client] = kind
        self.selector.register(client, selectors.EVENT_READ)
        if kind == "reset":
            client.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, RST)
        if kind == "lie":
            self.say(client, b"\x4a\0\0\0\x0a5.5.5-\x00\xff|\n\x1b[31m" + b"\xff" * 60, clients)
        if kind in ("reset", "hang_up"):
            self.close(client, clients)

    def answer(self, client: socket.socket, clients: dict[socket.socket, str]) -> None:
        """Answer what was asked, or see that the client has left."""
        try:
            data = client.recv(65536)
        except OSError:
            data = b""
        if data and clients[client] == "page":
            self.say(client, PAGE, clients)
            data = b""
        if not data:
            self.close(client, clients)

    def say(self, client: socket.socket, data: bytes, clients: dict[socket.socket, str]) -> None:
        """Send what fits."""
        try:
            client.send(data)
        except BlockingIOError:
            pass
        except OSError:
            self.close(client, clients)

    def close(self, client: socket.socket, clients: dict[socket.socket, str]) -> None:
        """Close a connection."""
        if clients.pop(client, None) is not None:
            self.selector.unregister(client)
            client.close()


@pytest.fixture
def ports() -> Iterator[dict[str, int]]:
    """Serve badly, and give the ports by their kinds."""
    servers = BadServers()
    thread = threading.Thread(target=servers.serve)
    thread.start()
    try:
        yield servers.ports
    finally:
        servers.stopped = True
        thread.join()


def life(running: Running) -> tuple[float, int, int]:
    """Return how many checks there were, the resident memory in KiB, and how many descriptors are open."""
    own = running.verdict("vipwarden agent")
    runs = {metric.name: metric.value for metric in own.result.metrics}["runs"] if own is not None else 0
    status = Path(f"/proc/{running.process.pid}/status").read_text()
    memory = re.search(r"VmRSS:\s+(\d+)", status)
    assert memory is not None
    return runs, int(memory[1]), len(list(Path(f"/proc/{running.process.pid}/fd").iterdir()))


@pytest.mark.timeout(max(120, CHECKS // 500))
def test_memory_and_descriptors_are_flat(tmp_path: Path, ports: dict[str, int]) -> None:
    """From the middle of the way to its end."""
    lines = ["checks:"]
    for kind, port in ports.items():
        for copy in range(8):
            common = f"host: 127.0.0.1, port: {port}, interval: 0.1, agent_loss_after: 10, syslog: false"
            lines += [
                f"  {kind} port {copy}: {{check: port, {common}}}",
                f"  {kind} page {copy}: {{check: http_digest, {common}, fall: 3}}",
                f"  {kind} word {copy}: {{check: port, expect: hello, {common}, retry: 1}}",
                f"  {kind} mysql {copy}: {{check: mysql_ping, {common}}}",
            ]
    lines += [
        "  process: {check: process, command: python3, interval: 0.1, agent_loss_after: 10}",
        "  all: {any_of: [hold port 0, closed port 0]}",
        "",
    ]
    with agent(tmp_path, "\n".join(lines)) as running:
        running.must_come(lambda: life(running)[0] >= CHECKS / 2, 60 + CHECKS / 500)
        _, early, few = life(running)
        running.must_come(lambda: life(running)[0] >= CHECKS, 60 + CHECKS / 500)
        _, late, many = life(running)
        assert late < early * 1.1 + 1024, (early, late)
        assert abs(many - few) < 300, (few, many)  # as many connections as are open at a moment
        states = {kind: running.state(f"{kind} port 0") for kind in ports}
        assert states == {kind: "CRITICAL" if kind == "closed" else "OK" for kind in ports}
        assert running.state("page page 0") == "OK"
        assert running.state("page word 0") == "CRITICAL"  # the server waits for a question
        assert {running.state(f"{kind} mysql 0") for kind in ports} == {"CRITICAL"}
        own = running.verdict("vipwarden agent")
        assert own is not None
        assert not any(
            "internal error" in found.result.text for found in verdict.read_all(f"{running.runtime}/verdict")
        )
        assert len(running.watchdogs()) == 1


def test_few_descriptors_make_checks_wait_and_not_fail(tmp_path: Path, ports: dict[str, int]) -> None:
    """Sixty checks that hang for half a second, and descriptors for ten: each has its turn."""
    check = f"check: port, host: 127.0.0.1, port: {ports['hold']}, interval: 20, timeout: 0.2, expect: x"
    text = "\n".join(["checks:", *(f"  hang {number}: {{{check}}}" for number in range(60)), ""])
    with agent(tmp_path, text, before=("prlimit", "--nofile=40:40")) as running:
        running.must_come(lambda: all(running.state(f"hang {number}") for number in range(60)))
        assert {running.state(f"hang {number}") for number in range(60)} == {"CRITICAL"}
        assert not running.has_said("Too many open files")


def test_no_descriptors_left_is_unknown_and_passes(tmp_path: Path) -> None:
    """EMFILE, when they are all in use: what cannot be asked is UNKNOWN, which is closed, and nothing ends by it."""
    text = "checks: {web: {check: port, host: 127.0.0.1, port: 1, refused: ok, interval: 0.2}}\n"
    with agent(tmp_path, text) as running:
        running.must_come(lambda: running.value("web") == "1")
        limit = (program("prlimit"), f"--pid={running.process.pid}")
        subprocess.run([*limit, "--nofile=3:4096"], check=True)
        running.must_come(lambda: running.value("web") != "1")
        assert running.value("web") in ("0", "")  # written, or gone where it could not be
        subprocess.run([*limit, "--nofile=1024:4096"], check=True)
        running.must_come(lambda: running.value("web") == "1" and running.state("web") == "OK")
        running.must_come(lambda: running.has_said("web: OK -> UNKNOWN: cannot try 127.0.0.1:1: Too many open files"))
