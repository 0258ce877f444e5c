"""Is the kernel's IPVS table understood?"""

from __future__ import annotations

from contextlib import suppress
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from vipwarden.node.ipvs.proc import Reader, parse_totals, read
from vipwarden.node.ipvs.read import Tables
from vipwarden.node.ipvs.table import IpvsError, IpvsMissingError, IpvsTornError, Service

FIXTURES = Path(__file__).parent / "fixtures"
HEAD = b"""IP Virtual Server version 1.2.1 (size=4096)
Prot LocalAddress:Port Scheduler Flags
  -> RemoteAddress:Port Forward Weight ActiveConn InActConn
"""


def parse_services(text: bytes) -> list[Service]:
    """Return the services in the text of /proc/net/ip_vs."""
    return Reader().services(text)


def words(service: Service) -> tuple[object, ...]:
    """Return a service without its servers."""
    return service.proto, service.address, service.port, service.mark, service.scheduler, service.persistent


def servers(service: Service) -> list[tuple[object, ...]]:
    """Return the servers of a service."""
    return [(one.address, one.port, one.forward, one.weight, one.active, one.inactive) for one in service.servers]


def test_a_real_table_is_read() -> None:
    """Services in the order of the file."""
    found = parse_services((FIXTURES / "ip_vs").read_bytes())
    assert [words(one) for one in found] == [
        ("TCP", "10.10.0.10", 80, "", "wrr", False),
        ("TCP", "10.10.0.20", 3306, "", "wlc", True),
        ("TCP", "10.10.0.20", 8080, "", "rr", False),
    ]
    assert servers(found[0]) == [("10.10.0.22", 80, "Route", 10, 0, 3), ("10.10.0.21", 80, "Route", 10, 0, 2)]


def test_every_kind_of_service_is_read() -> None:
    """IPv6, SCTP, UDP one by one, and firewall marks, whose services for IPv4 and IPv6 are one here."""
    found = parse_services((FIXTURES / "ip_vs_kinds").read_bytes())
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
    found = parse_totals((FIXTURES / "ip_vs_stats").read_bytes())
    assert (found.connections, found.incoming_packets, found.outgoing_packets) == (9, 0x36, 0x10)
    assert (found.incoming_bytes, found.outgoing_bytes) == (0xDEE, 0x750)
    assert parse_totals(b"a\nb\n FFFFFFFFFFFFFFFF 1 2 3 4").connections == 2**64 - 1


def test_a_kernel_without_ipvs_is_told_from_a_table_that_cannot_be_read(tmp_path: Path) -> None:
    """No file means no module."""
    with pytest.raises(IpvsMissingError, match="does no IPVS"):
        Tables(str(tmp_path)).read(5)
    (tmp_path / "net" / "ip_vs").mkdir(parents=True)
    with pytest.raises(IpvsError, match="half of the table is missing"):
        Tables(str(tmp_path)).read(5)
    (tmp_path / "net" / "ip_vs_stats").write_bytes((FIXTURES / "ip_vs_stats").read_bytes())
    with pytest.raises(IpvsError, match="Is a directory"):
        Tables(str(tmp_path)).read(5)


@pytest.mark.parametrize(
    "line",
    ["  -> C0000202:0050 Route 1 0 0", "TCP C00002:0050 rr", "TCP", "FWM xyz rr", "FWM 1 rr\n-> C0000202:0 Route 1"],
)
def test_a_line_that_makes_no_sense_is_an_error(line: str) -> None:
    """Half a table could tell that a service is gone."""
    with pytest.raises(IpvsError, match="not understood"):
        parse_services(HEAD + line.encode())


def test_a_torn_table_is_told() -> None:
    """What comes twice, for the kernel walks its table anew for each page."""
    service = b"TCP  C0000201:0050 rr  \n"
    server = b"  -> C0000202:0050      Route   1      0          0         \n"
    for twice in (service + server + server, service + server + b"UDP  C0000201:0050 rr\n" + service):
        with pytest.raises(IpvsTornError, match="came twice"):
            parse_services(HEAD + twice)
    with pytest.raises(IpvsTornError):  # the same mark twice are IPv4 and IPv6, but they share no server
        parse_services(HEAD + 2 * (b"FWM  0000000A rr  \n" + server))


def test_a_torn_table_is_read_again_and_given_up_after_a_while(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Four times in all: a table that never holds still is no table."""
    line = b"TCP  C0000201:0050 rr  \n"
    texts = [HEAD + 2 * line] * 3 + [HEAD + line] + [HEAD + 2 * line] * 4
    (tmp_path / "net").mkdir()
    for name in ("ip_vs", "ip_vs_stats"):
        (tmp_path / "net" / name).write_bytes((FIXTURES / name).read_bytes())
    pages = iter(texts)
    monkeypatch.setattr(
        "vipwarden.node.ipvs.read.read", lambda path: next(pages) if path.endswith("/ip_vs") else read(path)
    )
    tables = Tables(str(tmp_path))
    assert [one.port for one in tables.read(5).services] == [80]
    with pytest.raises(IpvsError, match="faster than it can be read"):
        tables.read(5)


def test_servers_that_stay_keep_their_endpoints(tmp_path: Path) -> None:
    """So that what was made of them can be kept; new ones are new."""
    reader = Reader()
    line = b"TCP  C0000201:0050 rr  \n"
    server = b"  -> C0000202:0050      Route   %d      0          0         \n"
    first = reader.services(HEAD + line + server % 1)[0]
    second = reader.services(HEAD + line + server % 2)[0]
    third = reader.services(HEAD + line + server.replace(b"0050", b"0051") % 2)[0]
    assert second.columns.endpoints is first.columns.endpoints == [("192.0.2.2", "80")]
    assert (first.servers[0].weight, second.servers[0].weight) == (1, 2)
    assert third.columns.endpoints == [("192.0.2.2", "81")]


def test_another_folder_than_proc_is_the_whole_truth(tmp_path: Path) -> None:
    """The kernel is not asked by netlink then, and it says so."""
    (tmp_path / "net").mkdir()
    for name, source in (("ip_vs", "ip_vs_kinds"), ("ip_vs_stats", "ip_vs_stats")):
        (tmp_path / "net" / name).write_bytes((FIXTURES / source).read_bytes())
    table = Tables(str(tmp_path)).read(5)
    assert (table.source, table.why) == ("proc", f"{tmp_path} stands in for the kernel")
    assert len(table.services) == 4
    assert table.services[0].servers[0].counters == ()
    assert table.services[0].servers[0].persistent is None


@st.composite
def damaged(draw: st.DrawFn, name: str) -> bytes:
    """Return a fixture with some of its characters changed."""
    text = bytearray((FIXTURES / name).read_bytes())
    for _ in range(draw(st.integers(1, 8))):
        text[draw(st.integers(0, len(text) - 1))] = draw(st.sampled_from(b"\n\0[]:->x9 \xb2"))
    return bytes(text)


@given(st.binary() | st.binary().map(HEAD.__add__) | damaged("ip_vs_kinds") | damaged("ip_vs_stats"))
def test_any_bytes_are_read_or_are_an_ipvs_error(text: bytes) -> None:
    """Nothing else comes out of the reader, and what comes out can be shown."""
    for parse in (parse_services, parse_totals):
        with suppress(IpvsError):
            found = parse(text)
            if isinstance(found, list):
                assert all(isinstance(server.weight, int) for service in found for server in service.servers)
