"""Are Redis' replies read as they are meant, and is whatever else refused?"""

from __future__ import annotations

import contextlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from vipwarden.protocol.redis.codec import Refusal, command, fields, pairs, parse
from vipwarden.protocol.wire import WireError

values = st.recursive(st.none() | st.integers(-(10**17), 10**17) | st.binary(max_size=40), st.lists, max_leaves=8)


def written(value: object) -> bytes:
    """Return a reply."""
    if value is None:
        return b"$-1\r\n"
    if isinstance(value, int):
        return b":%d\r\n" % value
    if isinstance(value, bytes):
        return b"$%d\r\n%s\r\n" % (len(value), value)
    assert isinstance(value, list)
    return b"*%d\r\n" % len(value) + b"".join(map(written, value))


def depth(value: object) -> int:
    """Return how deep lists stand in each other."""
    return 1 + max(map(depth, value), default=0) if isinstance(value, list) else 0


@given(values, st.binary(max_size=9))
def test_a_reply_is_read_as_it_was_written(value: object, rest: bytes) -> None:
    """Where it is whole; deep nesting is refused."""
    data = written(value)
    if depth(value) > 4:
        with pytest.raises(WireError, match="deep"):
            parse(data + rest)
        return
    assert parse(data + rest) == (value, len(data))
    assert all(parse(data[:size]) is None for size in range(1, len(data)))


@pytest.mark.parametrize(
    ("data", "said"),
    [
        (b"HTTP/1.1 400 Bad Request\r\n", "sent 'HTTP/1.1 400 Bad'"),
        (b"SSH-2.0", "sent 'SSH-2.0'"),
        (b"\r\n", "which is no Redis reply"),
        (b"$abc\r\n", "which is no Redis reply"),
        (b"$\xb2\r\n", "which is no Redis reply"),
        (b"+" + b"x" * 5000, "which is no Redis reply"),
        (b"$999999999\r\n", "sent a reply of 999999999 bytes"),
        (b"$" + b"9" * 100 + b"\r\n", "which is no Redis reply"),
        (b"*999999\r\n", "sent a reply of 999999 parts"),
        (b"*1\r\n" * 9, "deep"),
    ],
)
def test_what_is_no_reply(data: bytes, said: str) -> None:
    """At once, with what came."""
    with pytest.raises(WireError) as caught:
        parse(data)
    assert said in str(caught.value)


@given(st.binary(max_size=60))
def test_noise_is_read_or_refused(noise: bytes) -> None:
    """Never anything else."""
    with contextlib.suppress(WireError):
        parse(noise)
    assert all(name.isprintable() and value.isprintable() for name, value in fields(noise).items())


def test_an_error_is_one_line() -> None:
    """Without what a terminal would obey."""
    found = parse(b"-ERR \x1b[2Jno\r\n")
    assert found is not None
    assert isinstance(found[0], Refusal)
    assert found[0].text == "ERR [2Jno"


def test_a_command_is_as_long_as_it_says() -> None:
    """Whatever its words hold."""
    assert command(b"AUTH", b"a\r\nb") == b"*2\r\n$4\r\nAUTH\r\n$4\r\na\r\nb\r\n"


def test_fields_of_both_kinds() -> None:
    """Of INFO, and of SENTINEL MASTER."""
    assert fields(b"# Server\r\nrole:master\r\nnone\r\na:b:c\r\n") == {"role": "master", "a": "b:c"}
    assert pairs([b"ip", b"::1", b"odd"]) == {"ip": "::1"}
    for wrong in (None, 5, [b"a", 1], b"x"):
        with pytest.raises(WireError, match="no list of fields"):
            pairs(wrong)  # type: ignore[arg-type]
