"""Is what an rsync daemon sends read as it is meant, and is whatever else refused?"""

from __future__ import annotations

import contextlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from vipwarden.protocol.rsync.codec import Greeting, Listing, request, response
from vipwarden.protocol.wire import WireError


@pytest.mark.parametrize(
    ("line", "digest"),
    [
        (b"@RSYNCD: 30.0", "md5"),
        (b"@RSYNCD: 31.14", "md5"),
        (b"@RSYNCD: 32.0 sha512 sha256 sha1 md5 md4", "sha512"),
        (b"@RSYNCD: 32.0 md4 md5 sha256", "sha256"),
        (b"@RSYNCD: 32.0 xxh64", "md5"),
    ],
)
def test_a_greeting(line: bytes, digest: str) -> None:
    """The strongest digest of both sides is taken."""
    greeting = Greeting(line)
    assert greeting.digest == digest
    assert greeting.reply == b"@RSYNCD: 30.0 %s\n" % digest.encode()


@pytest.mark.parametrize(
    ("line", "said"),
    [
        (b"SSH-2.0-OpenSSH", "greeted with 'SSH-2.0-OpenSSH', which is no rsync daemon"),
        (b"", "greeted with '', which"),
        (b"@RSYNCD: ", "which is no rsync daemon"),
        (b"@RSYNCD: x.0", "which is no rsync daemon"),
        (b"@RSYNCD: 99999999999.0", "which is no rsync daemon"),
        (b"@RSYNCD: \x1b[2J", "greeted with '@RSYNCD: [2J'"),
        (b"@RSYNCD: 29", "speaks protocol 29, not 30"),
    ],
)
def test_what_is_no_greeting(line: bytes, said: str) -> None:
    """With what came."""
    with pytest.raises(WireError) as caught:
        Greeting(line)
    assert said in str(caught.value)


def test_a_login() -> None:
    """As the daemon's own code makes it: base64 without padding."""
    assert response("md5", b"me", b"pass", b"word") == b"me X03MO1qnZdYdgyfeuILPmQ\n"


def message(kind: int, data: bytes) -> bytes:
    """Return a message of the multiplexed stream."""
    return ((7 + kind) << 24 | len(data)).to_bytes(4, "little") + data


def number(value: int, least: int) -> bytes:
    """Write a number as io.c's write_varlong() does."""
    raw = value.to_bytes(8, "little", signed=True)
    count = 8
    while count > least and not raw[count - 1]:
        count -= 1
    bit = 1 << (7 - count + least)
    top = raw[count - 1]
    if top >= bit:
        return bytes([~(bit - 1) & 0xFF]) + raw[:count]
    if count > least:
        return bytes([top | (~(bit * 2 - 1) & 0xFF)]) + raw[: count - 1]
    return bytes([top]) + raw[: count - 1]


def listed(name: bytes, size: int, changed: int) -> bytes:
    """Return the entry of a file."""
    flags = 0x58 if len(name) > 255 else 0x18
    length = number(len(name), 1) if len(name) > 255 else bytes([len(name)])
    return bytes([flags]) + length + name + number(size, 3) + number(changed, 4) + bytes(4)


@given(
    st.binary(min_size=1, max_size=300),
    st.integers(0, 2**62),
    st.integers(-(2**62), 2**62),
    st.lists(st.integers(1, 400), max_size=8),
)
def test_an_entry_is_read_as_it_was_written(name: bytes, size: int, changed: int, cuts: list[int]) -> None:
    """In whatever pieces and messages it comes."""
    entry = listed(name, size, changed)
    half = len(entry) // 2
    data = b"\0seed" + message(2, b"info") + message(0, entry[:half]) + message(0, entry[half:] + b"\0")
    listing = Listing()
    for cut in cuts:
        listing.feed(data[:cut])
        data = data[cut:]
    listing.feed(data)
    assert listing.entry() == (size, changed)


def test_an_empty_list_and_errors() -> None:
    """With what the daemon says of them, as one line."""
    listing = Listing()
    listing.feed(b"\0seed" + message(1, b"link_stat \x1b[2J failed\n") + message(3, b"no\n") + message(0, b"\0"))
    assert listing.entry() is None
    assert listing.is_empty
    assert listing.complaints == ["link_stat [2J failed", "no"]


def read(data: bytes) -> tuple[int, int] | None:
    """Return the entry that some data hold."""
    listing = Listing()
    listing.feed(data)
    return listing.entry()


@pytest.mark.parametrize(
    "data",
    [
        b"@ERROR: no",
        b"\0seed" + b"\0\0\0\0",
        b"\0seed" + message(0, b"")[:3] + b"\x06",
        b"\0seed" + b"\xff\xff\xff\x07",
        b"\0seed" + message(2, b"x" * 9000) * 9,
        b"\0seed" + message(0, b"\x40\xff\xff\xff\xff\xff\xff\xff\xff\xff"),
        b"\0seed" + message(0, b"\x18\x01a" + b"\xff" * 20),
    ],
)
def test_what_is_no_list(data: bytes) -> None:
    """It is refused."""
    with pytest.raises(WireError):
        read(data)


@given(st.binary(max_size=120))
def test_noise_is_read_or_refused(noise: bytes) -> None:
    """Never anything else."""
    with contextlib.suppress(WireError):
        Greeting(noise)
    with contextlib.suppress(WireError):
        Greeting(b"@RSYNCD: " + noise)
    for data in (noise, b"\0seed" + message(0, noise)):
        with contextlib.suppress(WireError):
            read(data)


def test_a_request() -> None:
    """Arguments that end in zero bytes, and one message: no filters, and four ends of phases."""
    assert request(b"m/a b") == b"--server\0--sender\0-e.\0.\0m/a b\0\0" + b"\x08\0\0\x07" + bytes(8)
