"""Is what the kernel tells of IPVS by netlink understood? Messages as it lays them out, and as it never would."""

from __future__ import annotations

import socket
from contextlib import suppress
from itertools import chain

import pytest
from hypothesis import given
from hypothesis import strategies as st

from vipwarden.node.ipvs.netlink import parse_servers, parse_service
from vipwarden.node.ipvs.table import IpvsError
from vipwarden.node.netlink.socket import TornError, attribute, attributes, messages

_HEAD = bytes((1, 1, 0, 0))


def number(value: int, size: int = 4) -> bytes:
    """Return it as the kernel has it."""
    return value.to_bytes(size, "little")


def stats(first: int, *, wide: bool) -> bytes:
    """Return the counters first, first + 1 and so on, with the padding that the kernel puts in between."""
    sizes = [8] * 10 if wide else [4, 4, 4, 8, 8, 4, 4, 4, 4, 4]
    parts = []
    for kind, size in enumerate(sizes, 1):
        if size == 8:
            parts.append(attribute(11, b""))  # IPVS_STATS_ATTR_PAD
        parts.append(attribute(kind, number(first + kind - 1, size)))
    return b"".join(parts)


def service(*, mark: int = 0, address: str = "192.0.2.1", proto: int = 6, flags: int = 0, wide: bool = True) -> bytes:
    """Return a message of IPVS_CMD_NEW_SERVICE."""
    family = socket.AF_INET6 if ":" in address else socket.AF_INET
    parts = [attribute(1, number(family, 2))]
    if mark:
        parts.append(attribute(5, number(mark)))
    else:
        raw = socket.inet_pton(family, address).ljust(16, b"\0")
        parts += [
            attribute(2, number(proto, 2)),
            attribute(3, raw),
            attribute(4, socket.htons(80).to_bytes(2, "little")),
        ]
    parts += [attribute(6, b"wrr\0"), attribute(7, number(flags) + b"\xff" * 4), attribute(8, number(300))]
    parts += [attribute(9, b"\xff" * 4), attribute(10, stats(1, wide=False))]
    if wide:
        parts.append(attribute(12, stats(1 << 40, wide=True)))
    return _HEAD + attribute(1, b"".join(parts))


def server(address: str = "192.0.2.2", weight: int = 1, *, wide: bool = True, family: bool = True) -> bytes:
    """Return a message of IPVS_CMD_NEW_DEST."""
    kind = socket.AF_INET6 if ":" in address else socket.AF_INET
    parts = [
        attribute(1, socket.inet_pton(kind, address).ljust(16, b"\0")),
        attribute(2, socket.htons(8080).to_bytes(2, "little")),
        *(attribute(index, number(value)) for index, value in enumerate((3, weight, 0, 0, 7, 8, 9), 3)),
        attribute(10, stats(1, wide=False)),
    ]
    if wide:
        parts.append(attribute(12, stats(1 << 40, wide=True)))
    if family:
        parts.append(attribute(11, number(kind, 2)))
    return _HEAD + attribute(2, b"".join(parts))


def test_a_service_is_read_with_its_64_bit_counters() -> None:
    """Its key names it in the request for its servers."""
    key, found = parse_service(service(flags=1))
    assert (found.proto, found.address, found.port, found.mark) == ("TCP", "192.0.2.1", 80, "")
    assert (found.scheduler, found.persistent) == ("wrr", True)
    assert list(found.counters) == [(1 << 40) + index for index in range(5)]
    assert set(attributes(key)) == {1, 2, 3, 4}


def test_a_kernel_without_64_bit_counters_has_the_others() -> None:
    """Before 4.1."""
    assert list(parse_service(service(wide=False))[1].counters) == [1, 2, 3, 4, 5]
    row = next(parse_servers([server(wide=False)]))
    assert row[8:] == (1, 2, 3, 4, 5)


@pytest.mark.parametrize(("proto", "name"), [(6, "TCP"), (17, "UDP"), (132, "SCTP"), (50, "IP_50")])
def test_protocols_have_the_names_that_proc_has(proto: int, name: str) -> None:
    """As ip_vs_proto_name()."""
    assert parse_service(service(proto=proto, address="2001:db8::1"))[1].proto == name


def test_a_mark_is_a_service_without_address() -> None:
    """In hexadecimal, as in /proc."""
    key, found = parse_service(service(mark=10))
    assert (found.proto, found.address, found.port, found.mark) == ("FWM", "", 0, "0000000A")
    assert set(attributes(key)) == {1, 5}


def test_servers_are_read_whatever_their_layout() -> None:
    """It is learnt from the first and again where another follows."""
    rows = list(
        parse_servers(
            [server(weight=5), server(weight=6), server("2001:db8::2"), server(family=False), server(wide=False)]
        )
    )
    assert [row[4] for row in rows] == [5, 6, 1, 1, 1]
    assert [row[2] for row in rows] == [2, 2, 10, None, 2]
    assert rows[0][3:8] == (3, 5, 7, 8, 9)
    assert rows[0][8:] == tuple((1 << 40) + index for index in range(5))


def test_a_server_without_its_numbers_is_an_error() -> None:
    """Half a server could tell that its weight is gone."""
    for body in (b"", _HEAD, _HEAD + attribute(2, b""), _HEAD + attribute(1, b"x" * 30), server()[:-60]):
        with pytest.raises(IpvsError, match="not understood"):
            list(parse_servers([body]))


def test_a_torn_dump_is_no_other_error() -> None:
    """For it is worth another try."""
    assert issubclass(TornError, OSError)
    assert [kind for kind, _, _, _ in messages(b"\x10\0\0\0\3\0\0\0" + bytes(8) + b"\1\0")] == [3]


@st.composite
def damaged(draw: st.DrawFn) -> bytes:
    """Return a message with some of its bytes changed, and cut."""
    body = bytearray(draw(st.sampled_from([service(), service(mark=3), server(), server("::1", wide=False)])))
    for _ in range(draw(st.integers(0, 6))):
        body[draw(st.integers(0, len(body) - 1))] = draw(st.integers(0, 255))
    return bytes(body[: draw(st.integers(0, len(body)))])


@given(st.lists(st.binary() | damaged(), max_size=4))
def test_any_bytes_are_read_or_are_an_ipvs_error(bodies: list[bytes]) -> None:
    """Nothing else comes out, and every number is one."""
    for body in bodies:
        with suppress(IpvsError):
            parse_service(body)
    with suppress(IpvsError):
        rows = list(parse_servers([server(), *bodies]))
        assert all(isinstance(value, int) for row in rows for value in chain(row[1:2], row[3:]))
