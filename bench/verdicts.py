"""What does an answer of the agent cost HAProxy's node: by HTTP beside clustercheck behind xinetd, and by agent-check?

The other side of the comparison is a shell that xinetd forks and that asks no database: a lower bound of clustercheck.
"""

from __future__ import annotations

import os
import socket
import statistics
import subprocess
import tempfile
import time
from contextlib import ExitStack, suppress
from pathlib import Path
from typing import TYPE_CHECKING

from tests.agent.running import agent
from tests.programs import found
from tests.servers.ports import free_ports

if TYPE_CHECKING:
    from collections.abc import Callable

_REQUESTS = {"xinetd": 300, "http": 3000, "kept": 3000, "agent-check": 3000}
_LEAST, _MOST_RATIO = 5000.0, 0.3  # answers a second of one core; of xinetd's CPU
_MOST_RUNS = 9
_CONFIGURATION = """\
agent:
  listen:
  - http 127.0.0.1:{http}
  - agent-check 127.0.0.1:{check}
checks:
  galera: {{check: port, host: 127.0.0.1, port: 1, refused: ok}}
"""
_XINETD = """\
service clustercheck
{{
    type = UNLISTED
    socket_type = stream
    protocol = tcp
    bind = 127.0.0.1
    port = {port}
    wait = no
    user = {user}
    server = {script}
    per_source = UNLIMITED
    cps = 100000 1
    instances = UNLIMITED
    disable = no
}}
"""
_SCRIPT = """\
#!/bin/bash
printf 'HTTP/1.1 200 OK\\r\\nContent-Type: text/plain\\r\\nConnection: close\\r\\nContent-Length: 40\\r\\n\\r\\n'
printf 'Percona XtraDB Cluster Node is synced.\\r\\n'
"""
_LINE = b"GET /check/galera HTTP/1.1\r\nHost: lb1\r\nConnection: close\r\n\r\n"


def main(runs: int) -> None:
    """Print the CPU of an answer and the targets."""
    http, check, fork = free_ports(3)
    ways: dict[str, tuple[int, Callable[[int], None]]] = {}
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="vipwarden-bench-")))
        own = stack.enter_context(agent(folder, _CONFIGURATION.format(http=http, check=check)))
        own.must_come(lambda: own.state("galera") == "OK")
        ways["http"] = own.process.pid, lambda count: _each(http, _LINE, count)
        ways["kept"] = own.process.pid, lambda count: _kept(http, count)
        ways["agent-check"] = own.process.pid, lambda count: _each(check, b"galera\n", count)
        if (xinetd := found("xinetd")) is not None:
            ways["xinetd"] = _forking(stack, folder, xinetd, fork), lambda count: _each(fork, _LINE, count)
        spent: dict[str, list[float]] = {name: [] for name in ways}
        for turn in range(min(runs, _MOST_RUNS) + 1):
            for name, (pid, ask) in ways.items():
                before = _cpu(pid)
                ask(_REQUESTS[name])
                time.sleep(0.05)
                if turn:
                    spent[name].append((_cpu(pid) - before) / _REQUESTS[name])
    print(f"\nCPU of an answer, medians of {min(runs, _MOST_RUNS)} interleaved runs\n")
    each = {name: statistics.median(seconds) for name, seconds in spent.items()}
    for name, seconds in each.items():
        print(f"  {name:<14}{seconds * 1e6:>9.1f} us{1 / seconds:>10.0f} a second of one core")
    _target("answers by HTTP a second of one core", 1 / each["http"], _LEAST, most=False)
    if "xinetd" in each:
        _target("CPU of an answer by HTTP / by xinetd's fork", each["http"] / each["xinetd"], _MOST_RATIO, most=True)
    else:
        print("  xinetd is not installed: nothing to compare with")


def _forking(stack: ExitStack, folder: Path, xinetd: str, port: int) -> int:
    """Start xinetd with the script, and return its process."""
    script, configuration = folder / "clustercheck", folder / "xinetd.conf"
    script.write_text(_SCRIPT)
    script.chmod(0o755)
    folder.chmod(0o755)
    configuration.write_text(_XINETD.format(port=port, script=script, user=os.getuid()))
    process = subprocess.Popen([xinetd, "-dontfork", "-f", str(configuration)], stderr=subprocess.DEVNULL)
    stack.callback(process.wait)
    stack.callback(process.terminate)
    until = time.monotonic() + 30
    while True:
        try:
            _each(port, _LINE, 1)
        except ConnectionRefusedError:
            if time.monotonic() > until:
                raise
            time.sleep(0.05)
        else:
            return process.pid


def _each(port: int, line: bytes, count: int) -> None:
    """Ask so many times, on a connection each."""
    for _ in range(count):
        with socket.create_connection(("127.0.0.1", port), 30) as sock:
            sock.sendall(line)
            with suppress(ConnectionResetError):  # clustercheck reads no request
                while sock.recv(4096):
                    pass


def _kept(port: int, count: int) -> None:
    """Ask so many times on one connection."""
    with socket.create_connection(("127.0.0.1", port), 30) as sock:
        for _ in range(count):
            sock.sendall(b"GET /check/galera HTTP/1.1\r\nHost: lb1\r\n\r\n")
            sock.recv(4096)


def _cpu(pid: int) -> float:
    """Return the CPU seconds of a process and of its children that have ended."""
    words = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return sum(map(int, words[11:15])) / os.sysconf("SC_CLK_TCK")


def _target(what: str, value: float, limit: float, *, most: bool) -> None:
    is_met = value <= limit if most else value >= limit
    print(f"  {'met' if is_met else 'MISSED':<7} {what:<44}{value:>9.2f} ({'<=' if most else '>='} {limit:g})")
