"""Is the kernel's IPVS table understood?"""

from __future__ import annotations

from contextlib import suppress
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from checks.node.ipvs import IpvsError, IpvsMissingError, Service, parse_services, parse_totals, services, totals

FIXTURES = Path(__file__).parent / "fixtures"
HEAD = """IP Virtual Server version 1.2.1 (size=4096)
Prot LocalAddress:Port Scheduler Flags
  -> RemoteAddress:Port Forward Weight ActiveConn InActConn
"""


def words(service: Service) -> tuple[object, ...]:
    """Return a service without its servers."""
    return service.proto, service.address, service.port, service.mark, service.scheduler, service.persistent


def servers(service: Service) -> list[tuple[object, ...]]:
    """Return the servers of a service."""
    return [(one.address, one.port, one.forward, one.weight, one.active, one.inactive) for one in service.servers]


def test_a_real_table_is_read() -> None:
    """Services in the order of the file."""
    found = parse_services((FIXTURES / "ip_vs").read_text(encoding="utf-8"))
    assert [words(one) for one in found] == [
        ("TCP", "10.10.0.10", 80, "", "wrr", False),
        ("TCP", "10.10.0.20", 3306, "", "wlc", True),
        ("TCP", "10.10.0.20", 8080, "", "rr", False),
    ]
    assert servers(found[0]) == [("10.10.0.22", 80, "Route", 10, 0, 3), ("10.10.0.21", 80, "Route", 10, 0, 2)]


def test_every_kind_of_service_is_read() -> None:
    """IPv6, SCTP, UDP one by one, and firewall marks, whose services for IPv4 and IPv6 are one here."""
    found = parse_services((FIXTURES / "ip_vs_kinds").read_text(encoding="utf-8"))
    assert [words(one) for one in found] == [
        ("TCP", "2001:db8::10", 443, "", "sh", False),
        ("SCTP", "192.0.2.1", 2905, "", "rr", False),
        ("UDP", "192.0.2.1", 53, "", "rr", False),
        ("FWM", "", 0, "0000000A", "wlc", True),
    ]
    assert [servers(one) for one in found] == [
        [("2001:db8::21", 443, "Tunnel", 1, 18, 4)],
        [("192.0.2.2", 2905, "Local", 5, 1, 2)],
        [],
        [("192.0.2.3", 0, "Route", 0, 0, 0), ("2001:db8::22", 0, "Route", 3, 7, 0)],
    ]


def test_an_empty_table_has_no_service() -> None:
    """The module is loaded, and that is all."""
    assert parse_services(HEAD) == []


def test_the_totals_are_hexadecimal() -> None:
    """And may be longer than 32 bits."""
    found = parse_totals((FIXTURES / "ip_vs_stats").read_text(encoding="utf-8"))
    assert (found.connections, found.incoming_packets, found.outgoing_packets) == (9, 0x36, 0x10)
    assert (found.incoming_bytes, found.outgoing_bytes) == (0xDEE, 0x750)
    assert parse_totals("a\nb\n FFFFFFFFFFFFFFFF 1 2 3 4").connections == 2**64 - 1


def test_a_kernel_without_ipvs_is_told_from_a_table_that_cannot_be_read(tmp_path: Path) -> None:
    """No file means no module."""
    with pytest.raises(IpvsMissingError, match="does no IPVS"):
        services(str(tmp_path))
    with pytest.raises(IpvsMissingError):
        totals(str(tmp_path))
    (tmp_path / "net" / "ip_vs").mkdir(parents=True)
    with pytest.raises(IpvsError, match="Is a directory"):
        services(str(tmp_path))


@pytest.mark.parametrize(
    "line",
    ["  -> C0000202:0050 Route 1 0 0", "TCP C00002:0050 rr", "TCP", "FWM xyz rr", "FWM 1 rr\n-> C0000202:0 Route 1"],
)
def test_a_line_that_makes_no_sense_is_an_error(line: str) -> None:
    """Half a table could tell that a service is gone."""
    with pytest.raises(IpvsError, match="not understood"):
        parse_services(HEAD + line)


@st.composite
def damaged(draw: st.DrawFn, name: str) -> str:
    """Return a fixture with some of its characters changed."""
    text = list((FIXTURES / name).read_text(encoding="utf-8"))
    for _ in range(draw(st.integers(1, 8))):
        text[draw(st.integers(0, len(text) - 1))] = draw(st.sampled_from("\n\0[]:->x9 ²"))
    return "".join(text)


@given(st.text() | damaged("ip_vs_kinds") | damaged("ip_vs_stats"))
def test_any_text_is_read_or_is_an_ipvs_error(text: str) -> None:
    """Nothing else comes out of the reader."""
    for parse in (parse_services, parse_totals):
        with suppress(IpvsError):
            parse(text)
