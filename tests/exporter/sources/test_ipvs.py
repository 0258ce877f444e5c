"""Which series does the IPVS table have, and what do they cost?"""

from __future__ import annotations

import shutil
import subprocess
import time
from collections import Counter
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from hypothesis import given
from hypothesis import strategies as st
from prometheus_client.parser import text_string_to_metric_families

from exporter.render.exposition import render
from exporter.settings import settings
from exporter.source import AbsentError
from exporter.sources.ipvs import source as ipvs
from tests.commands import program
from tests.exporter.running import samples
from vipwarden.node.ipvs.read import Table, parse_totals
from vipwarden.node.ipvs.table import COUNTERS, Columns, Service, whole

if TYPE_CHECKING:
    from exporter.settings import Settings

FIXTURES = Path(__file__).parents[2] / "node" / "fixtures"
HEAD = """IP Virtual Server version 1.2.1 (size=4096)
Prot LocalAddress:Port Scheduler Flags
  -> RemoteAddress:Port Forward Weight ActiveConn InActConn
"""
TOTALS = parse_totals((FIXTURES / "ip_vs_stats").read_bytes())


def known(folder: Path, table: str = "") -> Settings:
    """Return settings with a procfs that has a table."""
    (folder / "net").mkdir(exist_ok=True)
    shutil.copy(FIXTURES / "ip_vs_stats", folder / "net" / "ip_vs_stats")
    if table:
        (folder / "net" / "ip_vs").write_text(HEAD + table)
    else:
        shutil.copy(FIXTURES / "ip_vs_kinds", folder / "net" / "ip_vs")
    return settings(proc=str(folder))


def service(address: str, servers: int, *, mark: str = "", first: int = 0) -> Service:
    """Return a service as netlink gives it: the numbers of its servers begin at ``first``."""
    numbers = list(range(first, first + servers))
    endpoints = [(f"198.51.100.{number}", "80") for number in numbers]
    counters = [[1000 * index + number for number in numbers] for index in range(5)]
    columns = Columns(endpoints, ["Masq"] * servers, numbers, numbers, numbers, numbers, counters)
    own = [sum(column) for column in counters]
    proto, port = ("FWM", 0) if mark else ("TCP", 80)
    return Service(proto, address, port, mark, "wlc", False, columns, own)


def exported(table: Table) -> dict[tuple[str, tuple[str, ...]], float]:
    """Return what is exported, each series once."""
    text = render(ipvs.series(table)).decode()
    seen = Counter(line.rpartition(" ")[0] for line in text.splitlines() if not line.startswith("#"))
    assert set(seen.values()) == {1}
    return samples(text)


def test_proc_gives_all_that_it_has(tmp_path: Path) -> None:
    """Weights, connections, ways and schedulers; no counters but the totals; and says that it was proc."""
    found = exported(ipvs.read(known(tmp_path)))
    assert found["ipvs_source_info", ("proc",)] == 1
    assert found["ipvs_connections_total", ()] == 9
    server = ("2001:db8::10", "443", "", "2001:db8::21", "443", "TCP")
    assert found["ipvs_backend_weight", server] == 1
    assert found["ipvs_backend_connections_active", server] == 18
    assert found["ipvs_backend_connections_inactive", server] == 4
    assert found["ipvs_backend_info", (*server, "Tunnel")] == 1
    assert found["ipvs_service_info", ("192.0.2.1", "53", "", "UDP", "rr", "false")] == 1
    assert found["ipvs_service_info", ("", "0", "0000000A", "FWM", "wlc", "true")] == 1
    assert not [key for key in found if key[0].startswith(("ipvs_service_conn", "ipvs_backend_connections_p"))]


def test_netlink_gives_the_counters_of_each_service_and_server() -> None:
    """Five ways to count, and who is bound by persistence."""
    found = exported(Table([service("192.0.2.1", 3, first=1)], TOTALS, "netlink"))
    own, server = ("192.0.2.1", "80", "", "TCP"), ("192.0.2.1", "80", "", "198.51.100.2", "80", "TCP")
    assert found["ipvs_source_info", ("netlink",)] == 1
    for index, name in enumerate(COUNTERS):
        assert found[f"ipvs_service_{name}_total", own] == 3000 * index + 6
        assert found[f"ipvs_backend_{name}_total", server] == 1000 * index + 2
    assert found["ipvs_backend_connections_persistent", server] == 2


def test_a_mark_of_both_families_is_one_service() -> None:
    """Its numbers are the sum, its servers those of both: two series of one name would break the scrape."""
    one, two = service("", 2, mark="0000000A", first=1), service("", 2, mark="0000000A", first=5)
    found = exported(Table(whole([one, two]), TOTALS, "netlink"))
    assert found["ipvs_service_connections_total", ("", "0", "0000000A", "FWM")] == 1 + 2 + 5 + 6
    assert len([key for key in found if key[0] == "ipvs_backend_weight"]) == 4


def test_every_family_has_its_type(tmp_path: Path) -> None:
    """Counters are those that only grow."""
    text = render(ipvs.series(Table([service("192.0.2.1", 1)], TOTALS, "netlink"))).decode()
    kinds = {family.name: family.type for family in text_string_to_metric_families(text)}
    assert {name for name, kind in kinds.items() if kind == "counter"} == {
        f"ipvs_{of}{name}" for of in ("", "service_", "backend_") for name in COUNTERS
    }
    done = subprocess.run(
        [program("promtool"), "check", "metrics"], input=text, text=True, capture_output=True, check=False
    )
    assert (done.returncode, done.stdout + done.stderr) == (0, "")


def test_what_changes_is_seen_at_the_next_scrape(tmp_path: Path) -> None:
    """Although the labels are kept: weights, servers, schedulers, whole services, and back."""
    first = "TCP  C0000201:0050 rr  \n  -> C0000202:0050      Route   1      2          3         \n"
    other = first.replace("rr", "wlc").replace("Route   1", "Masq    5")
    more = first + "  -> C0000203:0050      Route   7      0          0         \nUDP  C0000201:0035 rr  \n"
    for table in (first, other, more, "", first):
        given = known(tmp_path, table)
        kept = exported(ipvs.read(given))
        ipvs._MEMORY.shape = ipvs._Shape([], [])
        ipvs._MEMORY.tables.clear()
        assert exported(ipvs.read(given)) == kept
    assert kept["ipvs_backend_weight", ("192.0.2.1", "80", "", "192.0.2.2", "80", "TCP")] == 1


def test_no_ipvs_is_no_failure(tmp_path: Path) -> None:
    """As on a node that is no director."""
    with pytest.raises(AbsentError, match="does no IPVS"):
        ipvs.read(settings(proc=str(tmp_path)))


def test_ten_thousand_servers_take_milliseconds(tmp_path: Path) -> None:
    """By columns: a look at each server on its own would take a hundred times as long."""
    table = "".join(
        f"TCP  0A00{number:04X}:0050 wlc  \n"
        + "".join(
            f"  -> 0A64{number:02X}{last:02X}:0050      Route   10     {last:<10} 0         \n" for last in range(100)
        )
        for number in range(100)
    )
    given = known(tmp_path, table)
    took = []
    for _ in range(6):
        begun = time.process_time()
        text = render(ipvs.series(ipvs.read(given)))
        took.append(time.process_time() - begun)
    assert text.count(b"\nipvs_backend_weight{") == 10000
    assert min(took[1:]) < 0.05


@given(st.lists(st.tuples(st.integers(0, 3), st.integers(0, 2)), max_size=6))
def test_any_table_has_each_series_once(shape: list[tuple[int, int]]) -> None:
    """Whatever services there are, one after the other."""
    services = {mark: service("", size, mark=f"{mark:08X}") for mark, size in shape}
    if services:
        exported(Table(list(services.values()), TOTALS, "netlink"))
