"""Are hashes the same where Python has no modules of its own for them, as in builds by FIPS?"""

from __future__ import annotations

import base64
import hashlib
import sys

import pytest

from vipwarden.protocol.hashes import start
from vipwarden.protocol.http.options import Algorithm
from vipwarden.protocol.mysql import auth
from vipwarden.protocol.postgres import scram
from vipwarden.protocol.rsync.codec import response


@pytest.fixture(params=["built in", "hashlib"])
def _modules(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    if request.param == "hashlib":
        for name in ("_md5", "_sha1", "_sha2", "_sha256", "_sha512"):
            monkeypatch.setitem(sys.modules, name, None)


@pytest.mark.usefixtures("_modules")
@pytest.mark.parametrize("name", Algorithm.choices)
def test_a_digest_is_that_of_hashlib(name: str) -> None:
    """Of data in pieces."""
    digest = start(name)
    for piece in (b"a", b"", b"bc"):
        digest.update(piece)
    assert digest.hexdigest() == hashlib.new(name, b"abc").hexdigest()


@pytest.mark.usefixtures("_modules")
@pytest.mark.parametrize("plugin", auth.ANSWERS)
def test_a_server_that_knows_the_password_can_verify_the_answer(plugin: str) -> None:
    """It knows the hash of the hash."""
    name = "sha1" if plugin == auth.NATIVE else "sha256"
    once = hashlib.new(name, b"secret").digest()
    twice, nonce = hashlib.new(name, once).digest(), bytes(range(20))
    salted = nonce + twice if plugin == auth.NATIVE else twice + nonce
    mask = hashlib.new(name, salted).digest()
    assert bytes(a ^ b for a, b in zip(auth.answer(plugin, b"secret", nonce), mask, strict=True)) == once


@pytest.mark.usefixtures("_modules")
@pytest.mark.parametrize("password", [b"", b"secret", b"x" * 65])
@pytest.mark.parametrize("iterations", [1, 4096, 9000])
def test_a_password_is_stretched_as_by_hashlib(password: bytes, iterations: int) -> None:
    """By a loop, or by OpenSSL where that is long."""
    wanted = hashlib.pbkdf2_hmac("sha256", password, b"salt", iterations)
    assert scram._stretched(password, b"salt", iterations) == wanted


@pytest.mark.usefixtures("_modules")
@pytest.mark.parametrize("name", ["md5", "sha1", "sha256", "sha512"])
def test_an_rsync_daemon_can_verify_the_answer(name: str) -> None:
    """It hashes password and challenge."""
    user, proof = response(name, b"me", b"pass", b"word").split()
    padding = b"=" * (-len(proof) % 4)
    assert (user, base64.b64decode(proof + padding)) == (b"me", hashlib.new(name, b"password").digest())
