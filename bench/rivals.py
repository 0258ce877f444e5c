"""What is measured beside the agent: an epoll loop in C, forked plugins and blackbox_exporter, before one nginx."""

from __future__ import annotations

import http.client
import shutil
import socket
import statistics
import subprocess
import threading
import time
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from bench.loaded import agent, cpu
from bench.measure import Case
from tests.servers.certificate import self_signed
from tests.servers.ports import free_ports

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence

TARGETS = 200
PORT = 21_000  # the first one of the web server
PAGE = b"the page of a web server\n" * 40
PLUGINS = "/usr/lib/nagios/plugins"
_WORKERS = 16  # of the client that asks blackbox_exporter
_MODULES = """
modules:
  tcp: {prober: tcp, timeout: 5s}
  http: {prober: http, timeout: 5s}
  https: {prober: http, timeout: 5s, http: {tls_config: {ca_file: FOLDER/web.test.crt}}}
  icmp: {prober: icmp, timeout: 5s, icmp: {preferred_ip_protocol: ip4}}
  dns: {prober: dns, timeout: 5s, dns: {query_name: www.example.org, query_type: A, preferred_ip_protocol: ip4}}
"""


def in_turn(probes: Mapping[str, Callable[[], float]], runs: int, wanted: Sequence[tuple[str, str, float]]) -> None:
    """Print the least of each figure, of a few seconds each in turn, and which of the ``wanted`` ratios are met."""
    figures: dict[str, list[float]] = {}
    rounds = max(1, runs // 20)
    for _ in range(rounds):
        for name, probe in probes.items():
            figures.setdefault(name, []).append(probe())
    print(f"\nCPU microseconds a check over {TARGETS} targets (least and median of {rounds} interleaved rounds)\n")
    for name, values in figures.items():
        print(f"  {name:<22}{min(values):>9.1f}{statistics.median(values):>9.1f}")
    print()
    for ours, theirs, most in wanted:
        ratio = min(figures[ours]) / min(figures[theirs])
        print(f"  {'met' if ratio <= most else 'MISSED':<7} {ours} / {theirs}: {ratio:.3f} (<= {most:.3f})")


def config(check: str, copies: int, interval: float) -> str:
    """Return a configuration with as many copies of an entry."""
    lines = [f"  c{number}: {{{check}, interval: {interval}, agent_loss_after: 10}}" for number in range(copies)]
    return "\n".join(["checks:", *lines, ""])


def ours(check: str, copies: int, interval: float = 0.1) -> float:
    """Return the microseconds of an agent."""
    with agent(config(check, copies, interval)) as running:
        return running.measure(3).each


def in_c(reference: Path, kind: str, first: int) -> float:
    """Return the microseconds of the epoll loop in C."""
    command = [str(reference), kind, str(first), str(TARGETS), "60000", "100"]
    return float(subprocess.run(command, check=True, capture_output=True, text=True).stdout)


def forked(command: str) -> float:
    """Return the microseconds of a command."""
    case = Case(command, command)
    for _ in range(100):
        case.run()
    return sum(case.cpu) / len(case.cpu) * 1e6


def compiled(folder: Path) -> Path:
    """Build the epoll loop in C."""
    made = folder / "reference"
    source = Path(__file__).with_name("reference.c")
    subprocess.run(["cc", "-O2", "-D_GNU_SOURCE", "-o", made, source, "-lm"], check=True)
    return made


@contextmanager
def web(folder: Path) -> Iterator[Path]:
    """Serve a page of 1000 bytes on TARGETS ports from PORT on, and on as many after these by TLS; yield its CA."""
    (folder / "page").write_bytes(PAGE)
    certificate, key = self_signed(folder)
    plain = " ".join(f"listen 127.0.0.1:{PORT + number};" for number in range(TARGETS))
    inside = " ".join(f"listen 127.0.0.1:{PORT + TARGETS + number} ssl;" for number in range(TARGETS))
    config = folder / "nginx.conf"
    config.write_text(
        f"daemon off; worker_processes 1; user root; pid {folder}/pid; error_log {folder}/error;\n"
        "events { worker_connections 8192; }\n"
        f"http {{ access_log off; ssl_certificate {certificate}; ssl_certificate_key {key};\n"
        f"server {{ {plain} {inside} location / {{ root {folder}; }} }} }}\n"
    )
    with subprocess.Popen(["nginx", "-c", str(config), "-e", f"{folder}/error"]) as server:
        try:
            wait(PORT)
            yield certificate
        finally:
            server.terminate()


@contextmanager
def blackbox(folder: Path) -> Iterator[Callable[[str, int, float], float]]:
    """Run blackbox_exporter, and yield what measures it by module, first port and checks a second (0: all it can)."""
    program = shutil.which("prometheus-blackbox-exporter") or shutil.which("blackbox_exporter")
    if program is None:
        raise SystemExit("bench: blackbox_exporter is wanted (Debian: prometheus-blackbox-exporter)")
    (port,) = free_ports(1)
    config = folder / "blackbox.yml"
    config.write_text(_MODULES.replace("FOLDER", str(folder)))
    command = [program, f"--config.file={config}", f"--web.listen-address=127.0.0.1:{port}", "--log.level=error"]
    with subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL) as process:
        try:
            wait(port)
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
            target = f"{module}://{target}/page" if module in ("http", "https") else target
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


def wait(port: int) -> None:
    """Wait until something listens."""
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
