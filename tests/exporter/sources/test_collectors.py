"""Which series does a node give, over real HTTP and by the parser of Prometheus?"""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
import time
from pathlib import Path

import pytest

from tests.commands import needs_namespaces, program
from tests.exporter.running import metrics, nowhere
from vipwarden.core.result import Metric, Result, State
from vipwarden.state.files import ready
from vipwarden.state.publish import publish

ROOT = Path(__file__).parents[3]
FIXTURES = ROOT / "tests" / "node" / "fixtures"
_VIP = """
import json, pathlib, sys
from tests.exporter.running import metrics, nowhere
found = metrics(nowhere(pathlib.Path(sys.argv[1])))
print(json.dumps([[*key[1], value] for key, value in found.items() if key[0] == "keepalived_vip_held"]))
"""


def test_a_node_that_has_nothing_fails_at_nothing(tmp_path: Path) -> None:
    """No series but the exporter's own, and success for each collector."""
    found = metrics(nowhere(tmp_path))
    success = {key[1][0]: value for key, value in found.items() if key[0] == "vipwarden_scrape_collector_success"}
    assert success == dict.fromkeys(("vip", "vrrp", "maintenance", "checks", "haproxy", "ipvs", "events"), 1)
    assert {key[0] for key in found if not key[0].startswith(("vipwarden_", "process_"))} == set()


def test_a_vip_is_held_on_its_interface_and_not_on_lo(tmp_path: Path) -> None:
    """In a network namespace with real interfaces."""
    needs_namespaces()
    program("ip")
    (tmp_path / "keepalived.conf").write_text(
        "vrrp_instance V1 {\ninterface vip0\nvirtual_router_id 51\nvirtual_ipaddress {\n"
        "192.0.2.1/32\n192.0.2.2/24 dev vip1\n192.0.2.3\n2001:db8::1/64\n}\n}\n",
        encoding="utf-8",
    )
    script = """set -e
for name in vip0 vip1; do ip link add $name type bridge; ip link set $name up; done
ip link set lo up
ip addr add 192.0.2.1/32 dev vip0
ip addr add 192.0.2.2/24 dev vip0
ip addr add 192.0.2.3/32 dev lo
ip addr add 2001:db8::1/64 dev vip0 nodad
exec "$0" -c "$1" "$2"
"""
    run = ["unshare", "-n", "sh", "-c", script, sys.executable, _VIP, str(tmp_path)]
    done = subprocess.run(run, cwd=ROOT, check=True, capture_output=True, timeout=60)
    assert json.loads(done.stdout) == [
        ["V1", "51", "vip0", "192.0.2.1", 1],
        ["V1", "51", "vip1", "192.0.2.2", 0],
        ["V1", "51", "vip0", "192.0.2.3", 0],
        ["V1", "51", "vip0", "2001:db8::1", 1],
    ]


def test_ipvs_has_totals_services_and_real_servers(tmp_path: Path) -> None:
    """With the labels of node_exporter."""
    (tmp_path / "proc" / "net").mkdir(parents=True)
    shutil.copy(FIXTURES / "ip_vs_kinds", tmp_path / "proc" / "net" / "ip_vs")
    shutil.copy(FIXTURES / "ip_vs_stats", tmp_path / "proc" / "net" / "ip_vs_stats")
    found = metrics(nowhere(tmp_path))
    assert found["ipvs_up", ()] == 1
    assert found["ipvs_incoming_bytes_total", ()] == 0xDEE
    assert found["ipvs_service_info", ("", "0", "0000000A", "FWM", "wlc", "true")] == 1
    server = ("2001:db8::10", "443", "", "2001:db8::21", "443", "TCP")
    assert found["ipvs_backend_weight", server] == 1
    assert found["ipvs_backend_connections_active", server] == 18
    assert found["ipvs_backend_connections_inactive", server] == 4
    assert found["ipvs_backend_weight", ("192.0.2.1", "2905", "", "192.0.2.2", "2905", "SCTP")] == 5


def test_a_broken_source_leaves_the_others(tmp_path: Path) -> None:
    """Its up series is 0 and the rest of it is gone."""
    (tmp_path / "proc" / "net").mkdir(parents=True)
    (tmp_path / "proc" / "net" / "ip_vs").write_text("nonsense\n", encoding="utf-8")
    (tmp_path / "haproxy.cfg").write_text(f"global\n stats socket {tmp_path}/gone\n", encoding="utf-8")
    ready(f"{tmp_path}/verdict")
    publish(f"{tmp_path}/verdict", "web", "port", Result(State.OK, "open"), 0.1)
    found = metrics(nowhere(tmp_path))
    assert found["ipvs_up", ()] == 0
    assert found["haproxy_up", ()] == 0
    assert found["vipwarden_scrape_collector_success", ("haproxy",)] == 0
    assert found["vipwarden_check_state", ("web", "port")] == 0
    assert not [key for key in found if key[0].startswith(("ipvs_", "haproxy_")) and not key[0].endswith("_up")]


def test_checks_have_state_age_duration_and_metrics(tmp_path: Path) -> None:
    """As they were published; the younger of two folders counts, and NaN is no value."""
    for folder in ("old", "verdict"):
        ready(f"{tmp_path}/{folder}")
    publish(f"{tmp_path}/old", "web", "port", Result(State.OK, "open"), 1)
    time.sleep(0.02)  # stamps have hundredths of a second
    measured = [Metric("time", 0.25, "s"), Metric("lost", float("nan"), "%")]
    before = time.time()
    publish(f"{tmp_path}/verdict", "web", "port", Result(State.CRITICAL, "closed", measured), 0.5)
    found = metrics(nowhere(tmp_path, verdicts=(f"{tmp_path}/old", f"{tmp_path}/verdict", f"{tmp_path}/none")))
    own = {key: value for key, value in found.items() if key[0].startswith("vipwarden_check_")}
    assert 0 <= own.pop(("vipwarden_check_age_seconds", ("web", "port"))) < 10
    assert own.pop(("vipwarden_check_since_timestamp_seconds", ("web", "port"))) == pytest.approx(before, abs=5)
    assert own == {
        ("vipwarden_check_state", ("web", "port")): 2,
        ("vipwarden_check_success", ("web", "port")): 0,
        ("vipwarden_check_fresh", ("web", "port")): 1,
        ("vipwarden_check_maintenance", ("web", "port")): 0,
        ("vipwarden_check_dampened", ("web", "port")): 0,
        ("vipwarden_check_panic", ("web", "port")): 0,
        ("vipwarden_check_changing", ("web", "port")): 0,
        ("vipwarden_check_duration_seconds", ("web", "port")): 0.5,
        ("vipwarden_check_metric", ("web", "port", "time", "s")): 0.25,
    }
