"""Is an advert told from other packets?"""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from vipwarden.protocol.vrrp import parse

V2 = bytes.fromhex("2133640100016b8fc6336401") + bytes(8)
V3 = bytes.fromhex("3133fa0100324a1ec6336401")
HEADER = bytes.fromhex("45c0002800010000ff70d6b7c000020be0000012")


@pytest.mark.parametrize(("packet", "version", "priority", "interval"), [(V2, 2, 100, 1), (V3, 3, 250, 0.5)])
def test_adverts_of_both_versions(packet: bytes, version: int, priority: int, interval: float) -> None:
    """With and without the header of IPv4, also one with options."""
    longer = b"\x46" + HEADER[1:] + bytes(4)
    for found in (
        parse(packet, has_header=False),
        parse(HEADER + packet, has_header=True),
        parse(longer + packet, has_header=True),
    ):
        assert found is not None
        assert (found.version, found.vrid, found.priority) == (version, 51, priority)
        assert found.interval == interval


@pytest.mark.parametrize("packet", [b"", V2[:7], b"\x22" + V2[1:], b"\x41" + V2[1:], b"\x11" + V2[1:]])
def test_what_is_no_advert(packet: bytes) -> None:
    """Another type or version, or cut off."""
    assert parse(packet, has_header=False) is None
    assert parse(HEADER + packet, has_header=True) is None


@given(st.binary(max_size=100), st.booleans())
def test_no_packet_breaks_the_parser(packet: bytes, has_header: bool) -> None:
    """An advert or None."""
    found = parse(packet, has_header=has_header)
    assert found is None or (found.version in (2, 3) and 0 <= found.interval <= 255)
