"""What does the agent cost a check, beside forked plugins, blackbox_exporter and an epoll loop in C?"""

from __future__ import annotations

import hashlib
import os
import tempfile
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from bench.loaded import BIN, agent
from bench.measure import Case, interleave
from bench.rivals import PAGE, PLUGINS, PORT, TARGETS, blackbox, compiled, config, forked, in_c, in_turn, ours, web
from tests.servers.mariadb import mariadb

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

_WANTED = (
    ("agent, TCP", "blackbox, TCP", 0.16),
    ("agent, TCP", "C epoll, TCP", 1.6),
    ("agent, TCP", "check_tcp", 1 / 40),
    ("agent, HTTP", "blackbox, HTTP", 0.14),
    ("agent, HTTP", "C epoll, HTTP", 2.0),
    ("agent, TCP 1000/s", "blackbox, TCP 1000/s", 0.2),
    ("agent, HTTP 1000/s", "blackbox, HTTP 1000/s", 0.2),
    ("agent, MySQL", "check_mysql", 0.1),
)


def main(runs: int) -> None:
    """Print the table; a run here is a few seconds of each program in turn."""
    ports = f"hosts: 127.0.0.1, ports: {PORT}-{PORT + TARGETS - 1}"
    tcp = f"check: port, {ports}"
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="vipwarden-bench-", dir="/dev/shm")))
        stack.enter_context(web(folder))
        reference = compiled(folder)
        prober = stack.enter_context(blackbox(folder))
        login = stack.enter_context(_database(folder))
        digest = hashlib.md5(PAGE, usedforsecurity=False).hexdigest()
        page = f"check: http_digest, {ports}, path: /page, digest: {digest}"
        probes: dict[str, Callable[[], float]] = {
            "C epoll, TCP": lambda: in_c(reference, "tcp", PORT),
            "agent, TCP": lambda: ours(tcp, 10),
            "blackbox, TCP": lambda: prober("tcp", PORT, 0),
            "check_tcp": lambda: forked(f"{PLUGINS}/check_tcp -H 127.0.0.1 -p {PORT}"),
            "C epoll, HTTP": lambda: in_c(reference, "http", PORT),
            "agent, HTTP": lambda: ours(page, 7),
            "blackbox, HTTP": lambda: prober("http", PORT, 0),
            "agent, TCP 1000/s": lambda: ours(tcp, 1, 0.2),
            "blackbox, TCP 1000/s": lambda: prober("tcp", PORT, 1000),
            "agent, HTTP 1000/s": lambda: ours(page, 1, 0.2),
            "blackbox, HTTP 1000/s": lambda: prober("http", PORT, 1000),
            "agent, MySQL": lambda: ours(f"check: mysql_ping, {login[0]}", 50),
            "check_mysql": lambda: forked(f"{PLUGINS}/check_mysql {login[1]}"),
        }
        in_turn(probes, runs, _WANTED)
        _print_reader(tcp, runs)


def _print_reader(tcp: str, runs: int) -> None:
    """Show what reading a verdict costs as a command."""
    name = f"c0@127.0.0.1:{PORT}"
    with agent(config(tcp, 1, 1.0)) as running:
        cases = [
            Case("/bin/true", "/bin/true"),
            Case("chk_verdict", f"{BIN}/chk_verdict {name}"),
            Case("check_tcp", f"{PLUGINS}/check_tcp -H 127.0.0.1 -p {PORT}"),
        ]
        os.environ["VIPWARDEN_RUNTIME_DIR"] = str(running.runtime)
        interleave(cases, runs * 5)
    true, ours, theirs = cases
    print(f"\nReading a verdict (medians of {len(true.wall)} interleaved runs)\n")
    for case in cases:
        print(f"  {case.name:<14}{case.wall_ms:>7.2f} ms wall{case.cpu_ms:>8.2f} ms CPU")
    print()
    for other, most in ((true, 1.5), (theirs, 0.6)):
        ratio = ours.wall_ms / other.wall_ms
        print(f"  {'met' if ratio <= most else 'MISSED':<7} chk_verdict / {other.name}, wall: {ratio:.3f} (<= {most})")


@contextmanager
def _database(folder: Path) -> Iterator[tuple[str, str]]:
    """Run MariaDB and yield how the agent and check_mysql are told to log in."""
    with mariadb("--max-connections=2000") as database:
        database.query("CREATE USER bench@localhost IDENTIFIED BY 'bench'")
        login = folder / "my.cnf"
        login.write_text("[client]\nuser=bench\npassword=bench\n")
        login.chmod(0o600)
        where = f"host: 127.0.0.1, port: {database.port}, defaults_file: {login}"
        yield where, f"-H 127.0.0.1 -P {database.port} -f {login} -g client"
