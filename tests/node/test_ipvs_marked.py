"""Are the paths of ours found in what the kernel tells of IPVS, and never a service of somebody else?"""

from __future__ import annotations

import socket

import pytest
from hypothesis import given
from hypothesis import strategies as st

from vipwarden.node.ipvs import marked
from vipwarden.node.ipvs.marked import Server
from vipwarden.node.ipvs.paths import MARKS, Marks

_HEAD = bytes((1, 1, 0, 0))


@pytest.mark.parametrize("lasts", [False, True])
@pytest.mark.parametrize("family", [socket.AF_INET, socket.AF_INET6])
def test_what_is_asked_for_is_what_is_recognized(family: int, lasts: bool) -> None:
    """A service of ours is known by its signature, which tells whether it lasts."""
    body = _HEAD + marked.service(family, 8200, lasts=lasts)
    assert marked.ours([body]) == {(family, 8200): lasts}
    assert any(sign in body for sign in marked.SIGNS)


@pytest.mark.parametrize("address", ["198.51.100.11", "2001:db8::11"])
@pytest.mark.parametrize("kind", ["dr", "tun"])
def test_a_real_server_reads_back(kind: str, address: str) -> None:
    """With the number of its owner."""
    wanted = Server(kind, address, 4194303)
    assert marked.servers([_HEAD + marked.server(wanted)], marked.family_of(address)) == [wanted]


@given(timeout=st.integers(0, 86400), flags=st.integers(0, 255), mark=st.integers(0, 2**32 - 1))
def test_services_of_others_are_not_ours(timeout: int, flags: int, mark: int) -> None:
    """Neither those with a time-out of persistence, as others set it, nor those by address."""
    body = marked.service(socket.AF_INET, mark, lasts=True)
    signature = (0x7661).to_bytes(4, "little")
    fields = body.replace(signature, timeout.to_bytes(4, "little"))
    fields = fields.replace(b"\x0c\x00\x07\x00" + bytes(4), b"\x0c\x00\x07\x00" + flags.to_bytes(4, "little"))
    is_ours = mark != 0 and timeout in (0x7661, 0x7669) and not flags & 1
    assert bool(marked.ours([_HEAD + fields])) is is_ours


@given(st.binary(max_size=200))
def test_whatever_is_told_is_survived(raw: bytes) -> None:
    """A kernel that says nonsense has no paths of ours."""
    marked.ours([raw])
    marked.servers([raw], socket.AF_INET6)


def test_a_range_of_marks_is_two_numbers() -> None:
    """From 1 to the last that a packet can carry."""
    assert MARKS.numbers == range(8192, 12288)
    assert Marks("7").numbers == range(7, 8)
    assert Marks(" 1 - 4294967295 ").numbers == range(1, 2**32)
    for text in ("0-1", "2-1", "1-4294967296", "x", "1-", "-1", "0x2000-0x2fff", ""):
        with pytest.raises(ValueError, match="a range of marks is two numbers"):
            Marks(text)
