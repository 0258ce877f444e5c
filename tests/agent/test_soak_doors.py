"""Does the agent stay as it is over a life of bad requests? Random ones, cut, glued, slow and reset.

$SOAK_REQUESTS says how many it takes, 2000 by default; `make soak` sends a million.
"""

from __future__ import annotations

import os
import random
import socket
import struct
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING

from tests.agent.asking import ask, get
from tests.agent.running import agent
from tests.servers.ports import free_ports

if TYPE_CHECKING:
    from tests.agent.running import Running

REQUESTS = int(os.environ.get("SOAK_REQUESTS", "2000"))
RESET = struct.pack("ii", 1, 0)
WORDS = (
    b"GET", b"HEAD", b"OPTIONS", b"POST", b" ", b"/check/", b"web", b"/", b"%", b"%00", b"?", b"HTTP/1.1", b"HTTP/1.0",
    b"HTTP/9", b"\r\n", b"\n", b"\r", b"\0", b"Connection: close", b"Connection: keep-alive", b"Content-Length: 7",
    b"Accept: application/json", b"Transfer-Encoding: chunked", b":", b"\xff\xfe", b"x" * 9000,
    b"GET /check/web HTTP/1.1\r\n\r\n", b"web\n", b"web", b"nix\n", b"# up\n",
)  # fmt: skip


def state(running: Running) -> tuple[int, int]:
    """Return memory in KB and open files of an agent."""
    text = Path(f"/proc/{running.process.pid}/status").read_text()
    rest = text.partition("VmRSS:")[2].split()[0]
    return int(rest), len(os.listdir(f"/proc/{running.process.pid}/fd"))  # noqa: PTH208


def send(port: int, dice: random.Random) -> None:
    """Send one bad request, and leave in one of several ways."""
    with suppress(OSError), socket.create_connection(("127.0.0.1", port), 30) as sock:
        for _ in range(dice.choice((1, 1, 2))):
            sock.sendall(b"".join(dice.choices(WORDS, k=dice.randrange(8))))
        way = dice.randrange(4)
        if way == 0:
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, RESET)
        elif way == 1:
            sock.shutdown(socket.SHUT_WR)
            while sock.recv(65536):
                pass


def test_bad_requests_leave_the_agent_as_it_was(tmp_path: Path) -> None:
    """It answers right, and no memory or descriptor is lost."""
    web, named, one = ports = free_ports(3)
    text = f"""\
agent:
  listen: ["http 127.0.0.1:{web}", "agent-check 127.0.0.1:{named}", "agent-check 127.0.0.1:{one} web"]
checks:
  web: {{check: port, host: 127.0.0.1, port: 1, refused: ok, interval: 0.2}}
"""
    dice = random.Random(7)
    with agent(tmp_path, text) as running:
        running.must_come(lambda: running.state("web") == "OK")
        for number in range(REQUESTS):
            if number == REQUESTS // 10:
                memory, files = state(running)
            send(dice.choice(ports), dice)
            if number % 100 == 0:
                assert get(web, "/check/web")[0] == 200
                assert (ask(named, b"web\n"), ask(one)) == (b"up\n", b"up\n")
        running.must_come(lambda: state(running)[1] <= files + 3)
        assert state(running)[0] < memory * 1.2 + 4000
        assert not running.has_said("internal error")
        assert not running.has_said("Error")
