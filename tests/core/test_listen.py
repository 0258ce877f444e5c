"""Is an address one of those that may ask?"""

from __future__ import annotations

from ipaddress import ip_address, ip_network

import pytest
from hypothesis import given
from hypothesis import strategies as st

from vipwarden.core.listen import Network, packed


@pytest.mark.parametrize(
    ("text", "inside", "outside"),
    [
        ("192.0.2.5", "192.0.2.5", "192.0.2.4"),
        ("192.0.2.0/24", "192.0.2.255", "192.0.3.0"),
        ("0.0.0.0/0", "8.8.8.8", "::1"),
        ("::/0", "2001:db8::1", "127.0.0.1"),
        ("2001:db8::/33", "2001:db8:7fff::1", "2001:db8:8000::"),
        ("127.0.0.0/8", "::ffff:127.0.0.1", "::127.0.0.1"),
        ("fe80::/10", "fe80::1%eth0", "fec0::1"),
    ],
)
def test_a_network_holds_its_addresses(text: str, inside: str, outside: str) -> None:
    """IPv4 also as a socket of both families has it."""
    assert [Network(text).holds(packed(address) or b"") for address in (inside, outside)] == [True, False]


@pytest.mark.parametrize(
    "text", ["", "web", "192.0.2.1/33", "192.0.2.1/24", "::/-1", "::/129", "1.2.3.4/ 8", "1.2.3.4/", "/8"]
)
def test_what_is_no_network_is_refused(text: str) -> None:
    """Also one with bits behind its length, which may be meant as another."""
    with pytest.raises(ValueError, match=r"wanted|is no network"):
        Network(text)


@given(st.integers(0, 2**32 - 1), st.integers(0, 32), st.integers(0, 2**32 - 1))
def test_it_agrees_with_the_library(first: int, bits: int, address: int) -> None:
    """For every address and length."""
    network = ip_network((first, bits), strict=False)
    raw = packed(str(ip_address(address)))
    assert raw is not None
    assert Network(str(network)).holds(raw) is (ip_address(address) in network)
