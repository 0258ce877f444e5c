"""Has each virtual service real servers? Asked of folders like /proc; tests/node/test_ipvs_kernel.py asks a kernel."""

from __future__ import annotations

from contextlib import contextmanager, suppress
from typing import TYPE_CHECKING

import pytest
from hypothesis import given
from hypothesis import strategies as st

from checks.ipvs_service import VirtualService, ipvs_service
from tests.drive import oneshot
from vipwarden.core.result import CRITICAL, OK, UNKNOWN, WARNING, Result, State
from vipwarden.node.ipvs.daemon import daemon_of
from vipwarden.node.ipvs.table import IpvsError

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

# modules that chk_ipvs_service loads beside its own file and what every chk_ command loads
LOADS = """
    _operator _struct errno operator struct
    vipwarden.node vipwarden.node.ipvs vipwarden.node.ipvs.marked vipwarden.node.ipvs.netlink vipwarden.node.ipvs.proc
    vipwarden.node.ipvs.read vipwarden.node.ipvs.table
    vipwarden.node.netlink vipwarden.node.netlink.layout vipwarden.node.netlink.socket
"""
_HEAD = """\
IP Virtual Server version 1.2.1 (size=4096)
Prot LocalAddress:Port Scheduler Flags
  -> RemoteAddress:Port Forward Weight ActiveConn InActConn
"""
_TABLE = """\
TCP  0A00000A:0050 wrr
  -> 0A00000B:0050      Masq    10     0          0
  -> 0A00000C:0050      Masq    0      3          0
UDP  0A00000A:0035 rr ops
  -> 0A00000B:0035      Tunnel  1      0          0
TCP  [2001:0db8:0000:0000:0000:0000:0000:000a]:0050 rr
  -> [2001:0db8:0000:0000:0000:0000:0000:000b]:0050      Route   1      0          0
FWM  0000000A wrr persistent 300
  -> 0A00000B:0000      Route   3      0          0
FWM  00002000 rr
  -> 0A00000B:0000      Route   1      0          0
TCP  0A00000A:0051 rr
"""
_CONF = """\
virtual_server 10.0.0.10 80 {
    protocol TCP
    real_server 10.0.0.11 80 {
    }
}
virtual_server 10.0.0.10 53 {
    protocol udp
    sorry_server 10.0.0.11 53
}
virtual_server group more {
    protocol TCP
}
virtual_server_group more {
    2001:db8::a-b 80
    fwmark 10
}
"""


def table(folder: Path, text: str = _TABLE) -> str:
    """Write a folder like /proc with a table, and return it."""
    (folder / "net").mkdir(exist_ok=True)
    (folder / "net" / "ip_vs").write_text(_HEAD + text)
    (folder / "net" / "ip_vs_stats").write_text("a\nb\n1 2 3 4 5\n")
    return str(folder)


@contextmanager
def healthy(folder: Path) -> Iterator[str]:
    """Yield options with which the check is OK."""
    yield f"-S 10.0.0.10:80 --proc {table(folder)}"


def ask(folder: Path, *arguments: str) -> Result:
    """Run the check on the table."""
    return oneshot(ipvs_service, "--proc", table(folder), *arguments)


@pytest.mark.parametrize(
    ("arguments", "state", "text"),
    [
        ("-S 10.0.0.10:80", OK, "1 virtual services, each with 1 real servers or more"),
        ("-S 10.0.0.10:80 -w 2:", WARNING, "1 of 2 real servers of 10.0.0.10:80 have a weight, range 2:"),
        ("-S 10.0.0.10:80 -c 2:", CRITICAL, "1 of 2 real servers of 10.0.0.10:80 have a weight, range 2:"),
        ("-S 10.0.0.10:81", CRITICAL, "0 of 0 real servers of 10.0.0.10:81 have a weight, range 1:"),
        ("-S udp:10.0.0.10:53 -S [2001:DB8::a]:80 -S fwmark:10", OK, "3 virtual services"),
        ("-S sctp:10.0.0.10:80", CRITICAL, "sctp:10.0.0.10:80 is not there"),
        ("-S fwmark:11", CRITICAL, "fwmark:11 is not there"),
        ("", CRITICAL, "0 of 0 real servers of 10.0.0.10:81 have a weight, range 1:"),
        ("-c 0:", OK, "5 virtual services, each with 0 real servers or more"),
    ],
)
def test_real_servers_with_weight_count(tmp_path: Path, arguments: str, state: State, text: str) -> None:
    """Those of the services that are asked for, or of all."""
    result = ask(tmp_path, *arguments.split())
    assert (result.state, result.text.startswith(text)) == (state, True), result


def test_keepalived_conf_says_what_has_to_be_there(tmp_path: Path) -> None:
    """A service that is missing, one too many, and a sorry server, which is no real one."""
    conf = tmp_path / "keepalived.conf"
    conf.write_text(_CONF)
    result = ask(tmp_path, "--conf", str(conf))
    assert result.state == CRITICAL
    assert result.text.split("; ") == [
        "0 of 0 real servers of udp:10.0.0.10:53 have a weight, range 1:",
        "[2001:db8::b]:80 is not there",
        f"{conf} does not know 10.0.0.10:81",
    ]
    assert result.notes == ["10.0.0.10:80: 10.0.0.12:80 has weight 0", "udp:10.0.0.10:53: says sorry"]
    assert {metric.name: metric.value for metric in result.metrics} == {"services": 6, "weighted": 0, "unknown": 1}
    conf.write_text(_CONF.replace(" sorry_server 10.0.0.11 53", "").replace("a-b", "a"))
    left = ask(tmp_path, "--conf", str(conf))
    assert (left.state, left.text) == (WARNING, f"{conf} does not know 10.0.0.10:81")


@pytest.mark.parametrize(
    ("text", "wanted"),
    [
        ("virtual_server 10.0.0.10 eighty {\n}\n", "keepalived.conf:1: the port eighty is no number"),
        ("virtual_server fwmark ten {\n}\n", "keepalived.conf:1: ten is no firewall mark"),
        ("virtual_server nowhere 80 {\n}\n", "keepalived.conf:1: nowhere is no address of a virtual service"),
        ("virtual_server group g {\n}\nvirtual_server_group g {\n 10.0.0.1-x 80\n}\n", "is no range of addresses"),
        (None, "keepalived.conf"),
    ],
)
def test_a_keepalived_conf_that_cannot_be_read_is_unknown(tmp_path: Path, text: str | None, wanted: str) -> None:
    conf = tmp_path / "keepalived.conf"
    if text is not None:
        conf.write_text(text)
    result = ask(tmp_path, "--conf", str(conf))
    assert (result.state, wanted in result.text) == (UNKNOWN, True), result


def test_a_kernel_without_ipvs_has_no_service(tmp_path: Path) -> None:
    """And a table that is not understood is no fault of the services."""
    assert oneshot(ipvs_service, "--proc", str(tmp_path)).state == CRITICAL
    empty = ask(tmp_path)
    table(tmp_path, "")
    empty = oneshot(ipvs_service, "--proc", str(tmp_path))
    assert (empty.state, empty.text) == (WARNING, "the kernel has no virtual service")
    (tmp_path / "net" / "ip_vs").write_text("nonsense")
    assert oneshot(ipvs_service, "--proc", str(tmp_path)).state == UNKNOWN


@pytest.mark.parametrize(
    "text", ["10.0.0.10", "2001:db8::a:80x", "[10.0.0.1]:80", "icmp:10.0.0.1:1", "fwmark:0", ":80"]
)
def test_what_is_no_service_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match=r"wanted|number|address"):
        VirtualService(text)


@given(st.dictionaries(st.integers(1, 4), st.binary(max_size=20)))
def test_any_sync_daemon_is_understood_or_refused(fields: dict[int, bytes]) -> None:
    """Whatever the kernel tells."""
    with suppress(IpvsError):
        assert daemon_of(fields).state in ("master", "backup")
