"""What does the agent cost a check, beside forked plugins, blackbox_exporter and an epoll loop in C?"""

from __future__ import annotations

import hashlib
import http.client
import os
import shutil
import socket
import statistics
import subprocess
import tempfile
import threading
import time
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from bench.loaded import BIN, Window, agent, cpu
from bench.measure import Case, interleave
from tests.servers.dns import knot
from tests.servers.mariadb import mariadb
from tests.servers.ports import free_ports

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

TARGETS = 200
PLUGINS = "/usr/lib/nagios/plugins"
_WORKERS = 16  # of the client that asks blackbox_exporter
_MODULES = """
modules:
  tcp: {prober: tcp, timeout: 5s}
  http: {prober: http, timeout: 5s}
  icmp: {prober: icmp, timeout: 5s, icmp: {preferred_ip_protocol: ip4}}
  dns: {prober: dns, timeout: 5s, dns: {query_name: www.example.org, query_type: A, preferred_ip_protocol: ip4}}
"""


def main(runs: int) -> None:
    """Print the tables; a run here is a few seconds of each program in turn."""
    rounds = max(1, runs // 20)
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="vipwarden-bench-", dir="/dev/shm")))
        first, digest = stack.enter_context(_web(folder))
        reference = _compiled(folder)
        blackbox = stack.enter_context(_blackbox(folder))
        login = stack.enter_context(_database(folder))
        names = first + TARGETS
        stack.enter_context(knot(folder, range(names, names + TARGETS)))
        figures: dict[str, list[float]] = {}
        tcp = f"check: port, hosts: 127.0.0.1, ports: {first}-{first + TARGETS - 1}"
        web = (
            f"check: http_digest, hosts: 127.0.0.1, ports: {first}-{first + TARGETS - 1}, path: /page, digest: {digest}"
        )
        dns = f"check: dns_answer, hosts: 127.0.0.1, ports: {names}-{names + TARGETS - 1}, query: www.example.org"
        pings = f"check: icmp_echo, hosts: '127.0.1.[1-{TARGETS}]', count: 1"
        probes: dict[str, Callable[[], float]] = {
            "C epoll, TCP": lambda: _c(reference, "tcp", first),
            "agent, TCP": lambda: _agent(tcp, 10).each,
            "blackbox, TCP": lambda: blackbox("tcp", first, 0),
            "check_tcp": lambda: _forked(f"{PLUGINS}/check_tcp -H 127.0.0.1 -p {first}"),
            "C epoll, HTTP": lambda: _c(reference, "http", first),
            "agent, HTTP": lambda: _agent(web, 7).each,
            "blackbox, HTTP": lambda: blackbox("http", first, 0),
            "agent, TCP 1000/s": lambda: _agent(tcp, 1, 0.2).each,
            "blackbox, TCP 1000/s": lambda: blackbox("tcp", first, 1000),
            "agent, HTTP 1000/s": lambda: _agent(web, 1, 0.2).each,
            "blackbox, HTTP 1000/s": lambda: blackbox("http", first, 1000),
            "agent, DNS": lambda: _agent(dns, 10).each,
            "blackbox, DNS": lambda: blackbox("dns", names, 0),
            "agent, ICMP": lambda: _agent(pings, 10).each,
            "blackbox, ICMP": lambda: blackbox("icmp", 1, 0),
            "agent, MySQL": lambda: _agent(f"check: mysql_ping, {login[0]}", 50).each,
            "check_mysql": lambda: _forked(f"{PLUGINS}/check_mysql {login[1]}"),
        }
        for _ in range(rounds):
            for name, probe in probes.items():
                figures.setdefault(name, []).append(probe())
        _print(figures)
        _print_load(tcp)
        _print_reader(tcp, first, runs)


_WANTED = (
    ("agent, TCP", "blackbox, TCP", 0.16),
    ("agent, TCP", "C epoll, TCP", 1.3),
    ("agent, TCP", "check_tcp", 1 / 40),
    ("agent, HTTP", "blackbox, HTTP", 0.14),
    ("agent, HTTP", "C epoll, HTTP", 1.4),
    ("agent, TCP 1000/s", "blackbox, TCP 1000/s", 0.2),
    ("agent, HTTP 1000/s", "blackbox, HTTP 1000/s", 0.2),
    ("agent, DNS", "blackbox, DNS", 0.25),
    ("agent, ICMP", "blackbox, ICMP", 0.3),
    ("agent, MySQL", "check_mysql", 0.1),
)


def _print(figures: dict[str, list[float]]) -> None:
    middle = {name: statistics.median(values) for name, values in figures.items()}
    rounds = len(next(iter(figures.values())))
    print(f"\nCPU microseconds a check over {TARGETS} targets (medians of {rounds} interleaved rounds)\n")
    for name, value in middle.items():
        print(f"  {name:<22}{value:>9.1f}")
    print()
    for ours, theirs, most in _WANTED:
        ratio = middle[ours] / middle[theirs]
        print(f"  {'met' if ratio <= most else 'MISSED':<7} {ours} / {theirs}: {ratio:.3f} (<= {most:.3f})")


def _print_load(tcp: str) -> None:
    """Show what more checks cost, how late they begin, and what they take in memory."""
    print("\nMore and more TCP checks, each once a second\n")
    print(f"  {'checks':>7}{'done a second':>15}{'us a check':>12}{'cores':>7}{'p99 late, ms':>14}{'MB':>7}")
    found = {}
    for many in (1000, 2000, 5000, 10_000):
        window = found[many] = _agent(tcp, many // TARGETS, 1.0, settle=3)
        cores = window.cpu / window.seconds
        rate = window.checks / window.seconds
        print(
            f"  {many:>7}{rate:>15.0f}{window.each:>12.1f}{cores:>7.2f}{window.late * 1000:>14.1f}{window.memory:>7.1f}"
        )
    print()
    for good, text in (
        (found[10_000].checks / found[10_000].seconds >= 9900, "10 000 checks a second"),
        (max(found[many].late for many in (1000, 2000, 5000)) <= 0.05, "p99 late <= 50 ms up to 5000 a second"),
        (found[10_000].memory <= 80, "10 000 checks in <= 80 MB"),
        (found[10_000].each <= 1.2 * found[1000].each, "cost linear in checks"),
    ):
        print(f"  {'met' if good else 'MISSED':<7} {text}")


def _print_reader(tcp: str, first: int, runs: int) -> None:
    """Show what reading a verdict costs as a command."""
    name = f"c0@127.0.0.1:{first}"
    with agent(_config(tcp, 1, 1.0)) as running:
        cases = [
            Case("/bin/true", "/bin/true"),
            Case("chk_verdict", f"{BIN}/chk_verdict {name}"),
            Case("check_tcp", f"{PLUGINS}/check_tcp -H 127.0.0.1 -p {first}"),
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


def _config(check: str, copies: int, interval: float) -> str:
    lines = [f"  c{number}: {{{check}, interval: {interval}, agent_loss_after: 10}}" for number in range(copies)]
    return "\n".join(["checks:", *lines, ""])


def _agent(check: str, copies: int, interval: float = 0.1, settle: float = 1.5) -> Window:
    with agent(_config(check, copies, interval), settle) as running:
        return running.measure(3)


def _c(reference: Path, kind: str, first: int) -> float:
    command = [str(reference), kind, str(first), str(TARGETS), "60000", "100"]
    return float(subprocess.run(command, check=True, capture_output=True, text=True).stdout)


def _forked(command: str) -> float:
    case = Case(command, command)
    for _ in range(100):
        case.run()
    return sum(case.cpu) / len(case.cpu) * 1e6


def _compiled(folder: Path) -> Path:
    made = folder / "reference"
    source = Path(__file__).with_name("reference.c")
    subprocess.run(["cc", "-O2", "-D_GNU_SOURCE", "-o", made, source, "-lm"], check=True)
    return made


@contextmanager
def _web(folder: Path) -> Iterator[tuple[int, str]]:
    """Serve a page of 1000 bytes on as many ports as there are targets; yield the first port and the digest."""
    page = b"the page of a web server\n" * 40
    (folder / "page").write_bytes(page)
    first = 21_000
    listens = " ".join(f"listen 127.0.0.1:{first + number};" for number in range(TARGETS))
    config = folder / "nginx.conf"
    config.write_text(
        f"daemon off; worker_processes 1; user root; pid {folder}/pid; error_log {folder}/error;\n"
        "events { worker_connections 8192; }\n"
        f"http {{ access_log off; server {{ {listens} location / {{ root {folder}; }} }} }}\n"
    )
    with subprocess.Popen(["nginx", "-c", str(config), "-e", f"{folder}/error"]) as server:
        try:
            _wait(first)
            yield first, hashlib.md5(page, usedforsecurity=False).hexdigest()
        finally:
            server.terminate()


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


@contextmanager
def _blackbox(folder: Path) -> Iterator[Callable[[str, int, float], float]]:
    """Run blackbox_exporter, and yield what measures it by module, first port and checks a second (0: all it can)."""
    program = shutil.which("prometheus-blackbox-exporter") or shutil.which("blackbox_exporter")
    if program is None:
        raise SystemExit("bench: blackbox_exporter is wanted (Debian: prometheus-blackbox-exporter)")
    (port,) = free_ports(1)
    config = folder / "blackbox.yml"
    config.write_text(_MODULES)
    command = [program, f"--config.file={config}", f"--web.listen-address=127.0.0.1:{port}", "--log.level=error"]
    with subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL) as process:
        try:
            _wait(port)
            yield lambda module, first, rate: _probe(process.pid, port, module, first, rate)
        finally:
            process.terminate()


def _probe(pid: int, port: int, module: str, first: int, rate: float) -> float:
    """Have it probe all targets in turn for three seconds, over connections that are kept; return microseconds."""
    counts = [0] * _WORKERS
    end = time.monotonic() + 3

    def work(number: int) -> None:
        connection = http.client.HTTPConnection("127.0.0.1", port)
        due = time.monotonic()
        while due < end and time.monotonic() < end:
            which = first + (counts[number] * _WORKERS + number) % TARGETS
            target = f"127.0.1.{which}" if module == "icmp" else f"127.0.0.1:{which}"
            target = f"http://{target}/page" if module == "http" else target
            connection.request("GET", f"/probe?target={target}&module={module}")
            if b"probe_success 1" not in connection.getresponse().read():
                raise SystemExit(f"bench: blackbox_exporter found {target} down")
            counts[number] += 1
            if rate:
                due += _WORKERS / rate
                time.sleep(max(0.0, due - time.monotonic()))
        connection.close()

    used = cpu(pid)
    workers = [threading.Thread(target=work, args=(number,)) for number in range(_WORKERS)]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join()
    return (cpu(pid) - used) / sum(counts) * 1e6


def _wait(port: int) -> None:
    until = time.monotonic() + 10
    while True:
        try:
            socket.create_connection(("127.0.0.1", port), timeout=1).close()
        except OSError:
            if time.monotonic() > until:
                raise
            time.sleep(0.01)
        else:
            return
