"""How does a client prove by SCRAM-SHA-256 that it knows a password, and the server that it does?

RFC 5802 and RFC 7677, without channel binding. Imported only where a server asks for it.
"""

from __future__ import annotations

from binascii import a2b_base64, b2a_base64
from posix import urandom

from vipwarden.protocol.hashes import digest, start
from vipwarden.protocol.wire import WireError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from hashlib import _Hash

MECHANISM = "SCRAM-SHA-256"
_MOST_ITERATIONS = 100_000  # PostgreSQL's default is 4096
_QUICK = 8192  # iterations that take less time here than loading OpenSSL, which is quicker at them, and its memory
_MOST_SALTED = 256
_BLOCK, _SIZE = 64, 32  # bytes that SHA-256 takes at once, and of its digest
_INNER, _OUTER = (bytes(byte ^ pad for byte in range(256)) for pad in (0x36, 0x5C))
_BY_DEFAULT = b"n,,"  # no channel binding
_salted: dict[tuple[bytes, bytes, int], bytes] = {}  # as RFC 5802 allows; an agent logs in again and again


class Scram:
    """One login."""

    __slots__ = ("_first", "_nonce", "_password", "_signature")

    def __init__(self, password: bytes, nonce: bytes = b"") -> None:
        self._password = _prepared(password)
        self._nonce = nonce or _base64(urandom(18))
        self._first = b"n=,r=" + self._nonce  # PostgreSQL takes the user of the startup message
        self._signature = b""

    def first(self) -> bytes:
        """Return the first message of the client."""
        return _BY_DEFAULT + self._first

    def proof(self, challenge: bytes) -> bytes:
        """Return the answer to the first message of the server; raises WireError."""
        nonce, salt, iterations = self._read(challenge)
        key = (self._password, salt, iterations)
        salted = _salted.get(key)
        if salted is None:
            salted = _stretched(*key)
            if len(_salted) >= _MOST_SALTED:
                _salted.clear()
            _salted[key] = salted
        without = b"c=" + _base64(_BY_DEFAULT) + b",r=" + nonce
        signed = b",".join((self._first, challenge, without))
        client = _hmac(salted, b"Client Key")
        stored = _hmac(digest("sha256", client), signed)
        self._signature = _hmac(_hmac(salted, b"Server Key"), signed)
        return without + b",p=" + _base64(bytes(a ^ b for a, b in zip(client, stored, strict=True)))

    def verify(self, final: bytes) -> None:
        """Check the last message of the server; raises WireError where it does not know the password itself."""
        if not self._signature or final.split(b",")[0] != b"v=" + _base64(self._signature):
            raise WireError("does not prove that it knows the password: is it the right server?")

    def _read(self, challenge: bytes) -> tuple[bytes, bytes, int]:
        values = {part[:2]: part[2:] for part in challenge.split(b",")}
        nonce, count = values.get(b"r=", b""), values.get(b"i=", b"")
        try:
            salt = a2b_base64(values.get(b"s=", b""))
        except ValueError:
            salt = b""
        if not nonce.startswith(self._nonce) or nonce == self._nonce or not salt or not count.isdigit():
            raise WireError(f"sent a challenge that is not of {MECHANISM}")
        if len(count) > 9 or not 0 < int(count) <= _MOST_ITERATIONS:
            raise WireError(f"asks for {count[:20].decode()} iterations of the password, above {_MOST_ITERATIONS}")
        return nonce, salt, int(count)


def _keyed(key: bytes) -> tuple[Callable[[], _Hash], Callable[[], _Hash]]:
    """Return what makes the inner and the outer hash of HMAC-SHA-256 with a key (RFC 2104)."""
    block = (digest("sha256", key) if len(key) > _BLOCK else key).ljust(_BLOCK, b"\0")
    inner, outer = start("sha256"), start("sha256")
    inner.update(block.translate(_INNER))
    outer.update(block.translate(_OUTER))
    return inner.copy, outer.copy


def _hmac(key: bytes, data: bytes) -> bytes:
    inner, outer = (copy() for copy in _keyed(key))
    inner.update(data)
    outer.update(inner.digest())
    return outer.digest()


def _stretched(password: bytes, salt: bytes, iterations: int) -> bytes:
    """Return PBKDF2 of a password with HMAC-SHA-256 (RFC 8018), one block of it."""
    if iterations > _QUICK:
        from hashlib import pbkdf2_hmac

        return pbkdf2_hmac("sha256", password, salt, iterations)
    inner_of, outer_of = _keyed(password)
    block = salt + b"\0\0\0\1"
    blocks = []
    for _ in range(iterations):
        inner, outer = inner_of(), outer_of()
        inner.update(block)
        outer.update(inner.digest())
        block = outer.digest()
        blocks.append(block)
    size = _SIZE << (iterations - 1).bit_length()
    total = int.from_bytes(b"".join(blocks), "big")
    while size > _SIZE:  # XOR of all blocks, half of them with the other half
        size //= 2
        total = total >> 8 * size ^ total & (1 << 8 * size) - 1
    return total.to_bytes(_SIZE, "big")


def _base64(data: bytes) -> bytes:
    return b2a_base64(data, newline=False)


def _prepared(password: bytes) -> bytes:
    """Return a password by SASLprep (RFC 4013), or as it is where that refuses it, as PostgreSQL does."""
    if password.isascii():
        return password
    import stringprep as prep
    from unicodedata import normalize

    try:
        text = password.decode()
    except UnicodeDecodeError:
        return password
    mapped = ("" if prep.in_table_b1(char) else " " if prep.in_table_c12(char) else char for char in text)
    text = normalize("NFKC", "".join(mapped))
    forbidden = (
        prep.in_table_a1, prep.in_table_c12, prep.in_table_c21_c22, prep.in_table_c3, prep.in_table_c4,
        prep.in_table_c5, prep.in_table_c6, prep.in_table_c7, prep.in_table_c8, prep.in_table_c9,
    )  # fmt: skip
    if not text or any(table(char) for char in text for table in forbidden):
        return password
    if any(map(prep.in_table_d1, text)):
        ends = prep.in_table_d1(text[0]) and prep.in_table_d1(text[-1])
        if any(map(prep.in_table_d2, text)) or not ends:
            return password
    return text.encode()
