"""Do the rules that read the node's files see the variants of their case, and does nothing there break them?"""

from __future__ import annotations

import os
from dataclasses import replace
from typing import TYPE_CHECKING

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from doctor.host import Host
from tests.doctor.cases_node import CFG, FIRES, HEAD, NETWORK, STATS, listener
from tests.doctor.node import GLOBAL, Node, tracked
from tests.doctor.test_command import live

if TYPE_CHECKING:
    from pathlib import Path

pytestmark = pytest.mark.skipif(os.geteuid() != 0, reason="only root makes a node whose files belong to root")

SERVICES = """
virtual_server_group WEB {
 192.0.2.10-12 80
 2001:db8::e-10 80
 fwmark 7
}
virtual_server group WEB {
 protocol TCP
 sorry_server 198.51.100.9 80
 real_server 198.51.100.1 80 {
  TCP_CHECK {
  }
 }
}
virtual_server 192.0.2.53 53 {
 protocol UDP
 real_server 198.51.100.2 53 {
  DNS_CHECK {
  }
 }
}
virtual_server 192.0.2.53 53 {
 protocol TCP
 real_server 198.51.100.3 53 {
  TCP_CHECK {
  }
 }
}
"""
TO_1 = "  -> C6336401:0050      Masq    1      0          0\n"
TO_5 = "  -> C6336405:0050      Masq    1      0          0\n"
TO_2 = "  -> C6336402:0050      Masq    1      0          0\n"


def said(node: Node, root: Path, rule: str) -> list[str]:
    """Return what one rule says."""
    return [one.what for one in node.examine(root) if one.rule == rule]


@pytest.mark.parametrize(
    ("table", "wanted"),
    [
        (f"TCP  C000020C:0050 wlc \n{TO_1}", ""),
        (f"TCP  [2001:0db8:0000:0000:0000:0000:0000:0010]:0050 wlc \n{TO_1}", ""),
        (f"TCP  C000020A:0050 wlc \n{TO_1.replace('6401', '6409')}", ""),
        (f"FWM  00000007 wlc \n{TO_1}{TO_5}", "real servers of fwmark 7 that are not configured: 198.51.100.5"),
        (f"TCP  C0000235:0035 wlc \n{TO_2}", ""),
        (f"UDP  C0000235:0035 wlc \n{TO_2}", ""),
        (f"TCP  C000020D:0050 wlc \n{TO_1}", "a service 192.0.2.13 80"),
        (f"TCP  C000020C:0051 wlc \n{TO_1}", "a service 192.0.2.12 81"),
        (f"FWM  00000008 wlc \n{TO_1}{TO_2}", "a service fwmark 8"),
        (f"FWM  00002000 rr \n{TO_1}", ""),  # as a check with via makes it
        ("nonsense\n", ""),
    ],
)
def test_ipvs_is_compared_with_all_that_keepalived_may_add(tmp_path: Path, table: str, wanted: str) -> None:
    """Groups, ranges, marks and sorry servers."""
    files = {"proc/net/ip_vs": HEAD + table, "proc/net/ip_vs_stats": STATS}
    found = said(Node(GLOBAL + SERVICES, files), tmp_path, "ipvs-unknown")
    assert len(found) == bool(wanted)
    assert wanted in "".join(found)


@pytest.mark.parametrize(
    ("conf", "files"),
    [
        (GLOBAL, {}),
        (GLOBAL.replace("}", " net_namespace lb\n}") + SERVICES, {}),
        (GLOBAL + SERVICES, {"proc/net/dev": "a\nb\n eth0: 0\n kube-ipvs0: 0\n"}),
        (GLOBAL + SERVICES.replace("192.0.2.53", "no.such.name"), {}),
        (GLOBAL + SERVICES.replace("192.0.2.10-12", "192.0.2.10-x"), {}),
    ],
)
def test_ipvs_of_others_is_left_alone(tmp_path: Path, conf: str, files: dict[str, str]) -> None:
    """Where another manages it, it is elsewhere, or the configuration is not understood."""
    table = {"proc/net/ip_vs": f"{HEAD}TCP  C000020D:0050 wlc \n{TO_1}", "proc/net/ip_vs_stats": STATS}
    assert not said(Node(conf, table | files), tmp_path, "ipvs-unknown")


@pytest.mark.parametrize(
    ("bind", "comm", "speaks"),
    [
        ("*:80", "nginx", True),
        ("192.0.2.10:81", "nginx", False),
        ("192.0.2.10:80", "docker-proxy", False),
        ("192.0.2.10:80", "systemd", False),
        ("192.0.2.10:80", "", False),
        ("[2001:db8::1]:80", "nginx", False),
        ("192.0.2.10:80", "hapee-lb", False),
    ],
)
def test_a_port_is_taken_by_what_listens_on_the_same_address(
    tmp_path: Path, bind: str, comm: str, speaks: bool
) -> None:
    """And is neither HAProxy nor listens for another."""
    node = listener(comm)
    node = replace(node, files=node.files | {CFG: f"frontend f\n bind {bind}\n"})
    assert bool(said(node, tmp_path, "port-taken")) is speaks


def test_a_real_listener_is_named(tmp_path: Path) -> None:
    """By its program, as root sees it."""
    (tmp_path / "none.cfg").write_text("frontend f\n bind 192.0.2.10:80\n", encoding="utf-8")
    serve = 'python3 -c "import socket, time; it = socket.create_server((str(), 80)); time.sleep(60)" &'
    before = f'{serve} trap "kill $!" EXIT; until grep -q :0050 /proc/net/tcp; do sleep 0.05; done;'
    assert live(tmp_path, before)["port-taken"] == "HAProxy binds 192.0.2.10:80, and python3 listens on *:80"


def test_the_kernel_is_asked_about_its_clock() -> None:
    """That of this node; another's is not known."""
    assert Host().clock_is_kept in (True, False)
    assert Host("/none").clock_is_kept is None


FUZZED = (
    CFG,
    NETWORK,
    "proc/net/tcp",
    "proc/net/ip_vs",
    "proc/9/comm",
    "run/systemd/netif/links/2",
    "run/NetworkManager/devices/2",
    "sys/class/net/eth0/ifindex",
    "proc/sys/net/ipv4/ip_local_port_range",
    "etc/chrony.conf",
)
_PARTS = " \n[]=#:\"'\\\0"
_WORDS = (
    "listen",
    "frontend",
    "bind",
    "option",
    "httpchk",
    "HTTP/1.1",
    "0A",
    "00000000:0050",
    "[Network]",
    "managed=true",
)


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=100, deadline=None)
@given(st.lists(st.sampled_from(_WORDS) | st.sampled_from(_PARTS) | st.text(max_size=5)).map("".join))
def test_no_file_of_the_node_breaks_the_doctor(tmp_path_factory: pytest.TempPathFactory, text: str) -> None:
    """Whatever is in it."""
    root = tmp_path_factory.mktemp("node")
    nodes = [FIRES[rule] for rule in ("vip-networkd", "vip-networkmanager", "ipvs-unknown")]
    files = {path: content for node in nodes for path, content in node.files.items()} | dict.fromkeys(FUZZED, text)
    node = Node(tracked() + SERVICES, files, links={"proc/9/fd/3": "socket:[77]"}, haproxy="3.0.0", clock_is_kept=False)
    node.examine(root)
