"""Are PostgreSQL's messages read as they are meant, and is whatever else refused?"""

from __future__ import annotations

import contextlib
import hashlib
import hmac
from binascii import a2b_base64, b2a_base64

import pytest
from hypothesis import given
from hypothesis import strategies as st

from vipwarden.protocol.postgres import codec, scram
from vipwarden.protocol.postgres.passfile import password
from vipwarden.protocol.postgres.scram import Scram
from vipwarden.protocol.wire import WireError

# RFC 7677, section 3, without its user: PostgreSQL takes that of the startup message
NONCE = b"rOprNGfwEbeRWgbNEkqO"
SERVER_FIRST = b"r=rOprNGfwEbeRWgbNEkqO%hvYDpWUa2RaTCAfuxFIlj)hNlF$k0,s=W22ZaJ0SNY7soEsUEjb6gQ==,i=4096"


def test_a_proof_is_that_of_rfc_5802() -> None:
    """By its formulas, from the standard library alone; and the server is believed by its signature only."""
    login = Scram(b"pencil", NONCE)
    assert login.first() == b"n,,n=,r=" + NONCE
    got = login.proof(SERVER_FIRST)
    salted = hashlib.pbkdf2_hmac("sha256", b"pencil", a2b_base64(b"W22ZaJ0SNY7soEsUEjb6gQ=="), 4096)
    without, _, proof = got.rpartition(b",p=")
    signed = b",".join((b"n=,r=" + NONCE, SERVER_FIRST, without))
    client = hmac.digest(salted, b"Client Key", "sha256")
    signature = hmac.digest(hashlib.sha256(client).digest(), signed, "sha256")
    assert bytes(a ^ b for a, b in zip(a2b_base64(proof), signature, strict=True)) == client
    server = hmac.digest(hmac.digest(salted, b"Server Key", "sha256"), signed, "sha256")
    login.verify(b"v=" + b2a_base64(server, newline=False))
    for wrong in (b"", b"v=", b"e=other-error", b"v=" + b2a_base64(bytes(32), newline=False)):
        with pytest.raises(WireError, match="right server"):
            login.verify(wrong)


@pytest.mark.parametrize(
    ("challenge", "reason"),
    [
        (b"", "not of SCRAM"),
        (b"r=other,s=AAAA,i=4096", "not of SCRAM"),
        (b"r=" + NONCE + b",s=AAAA,i=4096", "not of SCRAM"),
        (b"r=" + NONCE + b"x,s=!,i=4096", "not of SCRAM"),
        (b"r=" + NONCE + b"x,s=AAAA,i=many", "not of SCRAM"),
        (b"r=" + NONCE + b"x,s=AAAA,i=2000000000", "asks for 2000000000 iterations"),
        (b"r=" + NONCE + b"x,s=AAAA,i=" + b"9" * 5000, "asks for 9999"),
        (b"r=" + NONCE + b"x,s=AAAA,i=0", "asks for 0"),
    ],
)
def test_a_challenge_that_is_none_or_costs_too_much(challenge: bytes, reason: str) -> None:
    """Costs nothing and is refused."""
    with pytest.raises(WireError, match=reason):
        Scram(b"x", NONCE).proof(challenge)


@pytest.mark.parametrize(
    ("given", "prepared"),
    [
        ("I\u00adX", "IX"), ("user", "user"), ("USER", "USER"), ("\u00aa", "a"), ("\u2168", "IX"),
        ("\u00a0x", " x"), ("\u0007\u00aa", "\u0007\u00aa"), ("\u06271", "\u06271"), ("\u00ad", "\u00ad"),
    ],
)  # fmt: skip
def test_passwords_are_prepared_as_in_rfc_4013(given: str, prepared: str) -> None:
    """Its examples; what it prohibits stays as it is."""
    assert scram._prepared(given.encode()) == prepared.encode()
    assert scram._prepared(b"\xff") == b"\xff"


@pytest.mark.parametrize(
    ("line", "found"),
    [
        ("h:5432:d:u:secret", "secret"),
        ("*:*:*:*:a\\:b\\\\c", "a:b\\c"),
        ("*:*:*:*:a:b", "a:b"),
        ("#h:5432:d:u:no\n*:*:*:u:yes", "yes"),
        ("other:5432:d:u:no\nh:5433:d:u:no\nh:5432:e:u:no\nh:5432:d:v:no", None),
        ("h:5432:d:u", None),
        ("", None),
    ],
)
def test_the_first_line_of_a_passfile_that_fits(line: str, found: str | None) -> None:
    """As libpq reads it."""
    assert password(line, "h", 5432, "d", "u") == found


def test_a_socket_is_the_local_host() -> None:
    """Or its own path."""
    assert password("localhost:1:d:u:x", "/run/postgresql", 1, "d", "u") == "x"
    assert password("/run/postgresql:1:d:u:x", "/run/postgresql", 1, "d", "u") == "x"
    assert password("localhost:1:d:u:x", "127.0.0.1", 1, "d", "u") is None


@given(st.binary(max_size=80))
def test_noise_is_no_message(noise: bytes) -> None:
    """It is read or refused, never anything else."""
    with contextlib.suppress(WireError):
        parts = codec.split(noise)
        if parts is not None:
            assert b"".join((parts[0], (len(parts[1]) + 4).to_bytes(4, "big"), parts[1], parts[2])) == noise
    with contextlib.suppress(WireError):
        codec.row(noise)
    assert codec.refusal(noise).text.isprintable()
    codec.parameter(noise)


@given(st.lists(st.none() | st.text(st.characters(categories=["L", "N"]), max_size=20), max_size=9))
def test_a_row_is_read_as_it_was_written(columns: list[str | None]) -> None:
    """With its NULLs; and not where it is cut."""
    body = len(columns).to_bytes(2, "big")
    for column in columns:
        raw = (column or "").encode()
        body += (b"\xff" * 4 if column is None else len(raw).to_bytes(4, "big")) + raw
    assert codec.row(body) == columns
    if columns:
        with pytest.raises(WireError):
            codec.row(body[:-1])


def test_a_zero_byte_ends_a_word_of_the_startup() -> None:
    """And adds no parameter."""
    assert codec.startup(b"a\0b", b"c").count(b"\0\0") == codec.startup(b"a", b"c").count(b"\0\0")
