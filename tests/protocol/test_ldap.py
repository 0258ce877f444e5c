"""Are LDAP's messages read as they are meant, and is whatever else refused?"""

from __future__ import annotations

import contextlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from vipwarden.protocol.ldap.ber import (
    ENUMERATED,
    INTEGER,
    MOST_BYTES,
    OCTETS,
    SEQUENCE,
    SET,
    element,
    number,
    parse,
    parts,
    value,
)
from vipwarden.protocol.ldap.codec import BOUND, answer, bind, entry, outcome, search, unbind
from vipwarden.protocol.wire import WireError

tags = st.integers(0, 255).filter(lambda tag: tag & 31 != 31)


@given(tags, st.binary(max_size=400), st.binary(max_size=9))
def test_an_element_is_read_as_it_was_written(tag: int, content: bytes, rest: bytes) -> None:
    """Where it is whole."""
    data = element(tag, content)
    assert parse(data + rest) == (tag, content, len(data))
    assert all(parse(data[:size]) is None for size in range(len(data)))


@given(st.lists(st.tuples(tags, st.binary(max_size=200)), max_size=6))
def test_parts_of_an_element(inner: list[tuple[int, bytes]]) -> None:
    """One after the other; a cut is seen."""
    content = b"".join(element(*one) for one in inner)
    assert parts(content) == inner
    for size in range(1, len(content)):
        with contextlib.suppress(WireError):
            assert parts(content[:size]) == inner[: len(parts(content[:size]))]


@given(st.integers(0, 1 << 60))
def test_a_number_is_read_as_it_was_written(wanted: int) -> None:
    """From 0 up."""
    found = parse(number(wanted))
    assert found is not None
    assert (found[0], value(found[1])) == (INTEGER, wanted)


def test_a_long_element() -> None:
    """With the bytes of its size."""
    data = element(OCTETS, b"x" * 300)
    assert data[:4] == b"\x04\x82\x01\x2c"
    assert parse(data) == (OCTETS, b"x" * 300, 304)


@pytest.mark.parametrize(
    ("data", "said"),
    [
        (b"HTTP/1.1 400 Bad Request", "sent 'HTTP/1.1 400 Bad', which is no LDAP"),
        (b"\x15\x03\x01", "which is no LDAP"),
        (b"\x30\x80\0\0", "without a size that LDAP allows"),
        (b"\x30\x89" + b"\1" * 9, "without a size that LDAP allows"),
        (b"\x30\x84\xff\xff\xff\xff", "sent an element of 4294967295 bytes"),
        (b"\x30\x84" + (MOST_BYTES + 1).to_bytes(4, "big"), f"sent an element of {MOST_BYTES + 1} bytes"),
        (b"\x30\x02\x1f\x01", "the tag 0x1f"),
        (b"\x30\0", "sent a message without a number"),
        (element(SEQUENCE, number(1)), "sent a message without a number"),
        (element(SEQUENCE, element(OCTETS), element(BOUND)), "sent a message without a number"),
        (element(SEQUENCE, element(INTEGER), element(BOUND)), "sent a number of 0 bytes"),
        (element(SEQUENCE, element(INTEGER, bytes(9)), element(BOUND)), "sent a number of 9 bytes"),
        (element(SEQUENCE, b"\x02\x05\x01"), "cut off"),
    ],
)
def test_what_is_no_answer(data: bytes, said: str) -> None:
    """At once, with what came."""
    with pytest.raises(WireError) as caught:
        answer(data)
    assert said in str(caught.value)


@pytest.mark.parametrize(
    "content",
    [
        b"",
        number(0),
        number(0, ENUMERATED) + element(OCTETS),
        number(0, ENUMERATED) + element(OCTETS) + number(1),
        element(ENUMERATED) + element(OCTETS) + element(OCTETS),
    ],
)
def test_what_is_no_result(content: bytes) -> None:
    """A code and two texts are."""
    with pytest.raises(WireError):
        outcome(content)


def test_a_result_is_one_line() -> None:
    """Without what a terminal would obey; a code without a name stays a number."""
    said = outcome(number(49, ENUMERATED) + element(OCTETS) + element(OCTETS, b"\x1b[2Jno\r\n"))
    assert str(said) == "invalidCredentials (49): [2Jno"
    assert str(outcome(number(80, ENUMERATED) + element(OCTETS) * 2)) == "error (80)"


def attribute(name: bytes, *values: bytes) -> bytes:
    """Return an attribute."""
    return element(SEQUENCE, element(OCTETS, name), element(SET, *(element(OCTETS, one) for one in values)))


def test_an_entry() -> None:
    """Its attributes by names in lower case."""
    found = entry(
        element(OCTETS, b"dc=org") + element(SEQUENCE, attribute(b"objectClass", b"a", b"\xff"), attribute(b"o"))
    )
    assert (found.name, found.attributes) == ("dc=org", {"objectclass": [b"a", b"\xff"], "o": []})
    for wrong in (b"", element(OCTETS), element(OCTETS) + element(SEQUENCE, number(1))):
        with pytest.raises(WireError):
            entry(wrong)


@given(st.binary(max_size=80))
def test_noise_is_read_or_refused(noise: bytes) -> None:
    """Never anything else."""
    for read in (answer, outcome, entry, lambda data: answer(element(SEQUENCE, number(1), data))):
        with contextlib.suppress(WireError):
            read(noise)


def test_requests() -> None:
    """As RFC 4511 writes them."""
    assert bind(2, "", b"") == bytes.fromhex("300c020102 6007 020103 0400 8000")
    assert unbind(4) == bytes.fromhex("3005020104 4200")
    assert (
        search(3, "", (), 5)
        == bytes.fromhex("302a020103 6325 0400 0a0100 0a0100 020101 020105 010100 870b")
        + b"objectClass"
        + bytes.fromhex("3005 0403")
        + b"1.1"
    )
