"""What does a scrape cost beside haproxy_exporter, HAProxy's own endpoint and node_exporter, and what a page?"""

from __future__ import annotations

import os
import sys
import tempfile
from contextlib import ExitStack
from pathlib import Path
from typing import TYPE_CHECKING

from bench.scrape import Scrape, get, measure, memory, serving
from tests.servers.haproxy import running
from tests.servers.ports import free_ports

if TYPE_CHECKING:
    from collections.abc import Iterable

BIN = Path(sys.executable).parent
SERVERS = (100, 1000, 5000)
DESTINATIONS = (10, 1000, 10000)
MOST_RUNS = 15
MANY = 1000  # scrapes over which memory has to stay flat
OWN, GO, SAME, ALL, PAGE, NODE, IPVS = (
    "HAProxy's own endpoint",
    "haproxy_exporter",
    "vipwarden, same series",
    "vipwarden, all series",
    "vipwarden, page",
    "node_exporter",
    "vipwarden",
)
# what haproxy_exporter has, by our names
_ANY = (
    "current_sessions max_sessions limit_sessions sessions_total bytes_in_total bytes_out_total status"
    " current_session_rate max_session_rate http_responses_total"
)
_BEHIND = (
    "current_queue max_queue connection_errors_total response_errors_total retry_warnings_total weight"
    " redispatch_warnings_total loadbalanced_total client_aborts_total server_aborts_total"
    " queue_time_average_seconds connect_time_average_seconds response_time_average_seconds total_time_average_seconds"
)
_SERVER = "check_failures_total downtime_seconds_total check_duration_seconds"
_COMPRESSED = (
    "http_comp_bytes_in_total http_comp_bytes_out_total http_comp_bytes_bypassed_total http_comp_responses_total"
)
_FRONTEND = "limit_session_rate http_requests_total requests_denied_total request_errors_total connections_total"
SAME_SERIES = "|".join(
    f"haproxy_{kind}_({'|'.join(names.split())})"
    for kind, names in (
        ("server", f"{_ANY} {_BEHIND} {_SERVER}"),
        ("backend", f"{_ANY} {_BEHIND} {_COMPRESSED} active_servers"),
        ("frontend", f"{_ANY} {_FRONTEND} {_COMPRESSED}"),
    )
)


def main(runs: int) -> None:
    """Print the tables of HAProxy and of IPVS, and the targets."""
    runs = min(runs, MOST_RUNS)
    with tempfile.TemporaryDirectory(prefix="vipwarden-bench-") as name:
        folder = Path(name)
        haproxy = {count: _haproxy(folder, count, runs) for count in SERVERS}
        _table("A scrape of HAProxy, with HAProxy's own part in it", "servers", haproxy)
        ipvs = {count: _ipvs(folder, count, runs) for count in DESTINATIONS}
        _table("A scrape of IPVS by /proc", "destinations", ipvs)
        rest, early, late = _flat(folder)
    most, least = {one.name: one for one in haproxy[5000]}, {one.name: one for one in haproxy[1000]}
    routed = {one.name: one for one in ipvs[10000]}
    each = (most[ALL].ms / most[ALL].samples) / (most[OWN].ms / most[OWN].samples)
    _target(f"{SAME} / {GO}, CPU at 5000 servers", most[SAME].ms / most[GO].ms, 0.09)
    _target(f"{ALL} / {OWN}, CPU a sample at 5000 servers", each, 1.2)
    _target(f"{PAGE} / {ALL}, CPU at 5000 servers", most[PAGE].ms / most[ALL].ms, 2)
    _target(f"{SAME} / {GO}, peak memory at 5000 servers", most[SAME].peak / most[GO].peak, 1)
    _target("growth: CPU at 5000 servers / 5 x at 1000", most[ALL].ms / least[ALL].ms / 5, 1.2)
    _target("memory at rest, MB", rest, 35)
    _target(f"memory: after {MANY} scrapes / after {MANY // 10}", late / early, 1.05)
    _target(f"{IPVS} / {NODE}, CPU at 10000 destinations", routed[IPVS].ms / routed[NODE].ms, 0.12)


def _haproxy(folder: Path, servers: int, runs: int) -> list[Scrape]:
    go, same, full, page, own = free_ports(5)
    with ExitStack() as stack:
        path, process = stack.enter_context(running(_configuration(own, servers)))
        haproxy = process.pid
        exporter = stack.enter_context(
            serving(
                go,
                "prometheus-haproxy-exporter",
                f"--haproxy.scrape-uri=unix:{path}",
                f"--web.listen-address=127.0.0.1:{go}",
            )
        )
        few = stack.enter_context(
            serving(same, *_vipwarden(folder, same), "--haproxy", path, "--haproxy-only-metrics", SAME_SERIES)
        )
        every = stack.enter_context(serving(full, *_vipwarden(folder, full), "--haproxy", path))
        shown = stack.enter_context(serving(page, *_vipwarden(folder, page), "--haproxy", path))
        scrapes = [
            Scrape(OWN, own, (haproxy,)),
            Scrape(GO, go, (haproxy, exporter)),
            Scrape(SAME, same, (haproxy, few), "/metrics?collect[]=haproxy"),
            Scrape(ALL, full, (haproxy, every), "/metrics?collect[]=haproxy"),
            Scrape(PAGE, page, (haproxy, shown), "/"),
        ]
        measure(scrapes, runs)
    return scrapes


def _ipvs(folder: Path, destinations: int, runs: int) -> list[Scrape]:
    proc = folder / f"proc-{destinations}"
    (proc / "net").mkdir(parents=True)
    (proc / "net" / "ip_vs").write_text("".join(_table_of(destinations)), encoding="ascii")
    (proc / "net" / "ip_vs_stats").write_text(_TOTALS, encoding="ascii")
    node, own = free_ports(2)
    with (
        serving(
            node,
            "prometheus-node-exporter",
            "--collector.disable-defaults",
            "--collector.ipvs",
            "--web.disable-exporter-metrics",
            f"--path.procfs={proc}",
            f"--web.listen-address=127.0.0.1:{node}",
        ) as theirs,
        serving(own, *_vipwarden(folder, own), "--proc", str(proc)) as ours,
    ):
        scrapes = [Scrape(NODE, node, (theirs,)), Scrape(IPVS, own, (ours,), "/metrics?collect[]=ipvs")]
        measure(scrapes, runs)
    return scrapes


def _flat(folder: Path) -> tuple[float, float, float]:
    """Return the memory before any scrape, after a tenth of many, and after all of them."""
    own, port = free_ports(2)
    with (
        running(_configuration(own, 100)) as (path, _),
        serving(port, *_vipwarden(folder, port), "--haproxy", path, path="/-/healthy") as pid,
    ):
        found = [memory(pid, "VmRSS")]
        for scrapes in (MANY // 10, MANY - MANY // 10):
            for _ in range(scrapes):
                get(port, "/metrics")
            found.append(memory(pid, "VmRSS"))
    rest, early, late = found
    return rest, early, late


def _vipwarden(folder: Path, port: int) -> list[str]:
    nothing = [
        "--keepalived-conf",
        f"{folder}/none",
        "--haproxy-conf",
        f"{folder}/none",
        "--verdicts",
        f"{folder}/none",
    ]
    return [f"{BIN}/vipwarden", "exporter", "--listen", f"127.0.0.1:{port}", *nothing]


def _configuration(own: int, servers: int) -> str:
    lines = ["global", "  nbthread 1", "frontend own", f"  bind 127.0.0.1:{own}"]
    lines.append("  http-request use-service prometheus-exporter if { path /metrics }")
    lines.append("  http-request return status 200")
    for backend in range(servers // 50):
        lines.append(f"backend be{backend}")
        lines += [f"  server s{number} 127.0.0.1:{own} check inter 1h" for number in range(50)]
    return "\n".join(lines) + "\n"


_TOTALS = """   Total Incoming Outgoing         Incoming         Outgoing
   Conns  Packets  Packets            Bytes            Bytes
  16AA1E  2B63DC0        0        12F5DA9BE                0

 Conns/s   Pkts/s   Pkts/s          Bytes/s          Bytes/s
       0        0        0                0                0
"""


def _table_of(destinations: int) -> Iterable[str]:
    yield "IP Virtual Server version 1.2.1 (size=4096)\nProt LocalAddress:Port Scheduler Flags\n"
    yield "  -> RemoteAddress:Port Forward Weight ActiveConn InActConn\n"
    for number in range(destinations):
        service, server = divmod(number, 100)
        if not server:
            yield f"TCP  C00002{service % 256:02X}:{0x50 + service:04X} wlc\n"
        yield f"  -> 0A00{service:02X}{server:02X}:0050      Route   1      {number % 97}          {number % 31}\n"


def _table(title: str, what: str, tables: dict[int, list[Scrape]]) -> None:
    print(f"\n{title} (CPU ms, medians; {os.cpu_count()} CPUs)\n")
    print(f"  {what:>12}  {'':24} {'CPU ms':>8} {'samples':>8} {'us/sample':>10} {'peak MB':>8}")
    for count, scrapes in tables.items():
        for one in scrapes:
            each = one.ms * 1000 / one.samples
            print(f"  {count:>12}  {one.name:24} {one.ms:8.1f} {one.samples:8} {each:10.2f} {one.peak:8.0f}")


def _target(what: str, value: float, most: float) -> None:
    print(f"  {'met' if value <= most else 'MISSED':<7} {what}: {value:.3f}, at most {most:g}")
