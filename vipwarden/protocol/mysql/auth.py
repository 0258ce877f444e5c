"""How does a client prove to a MySQL server that it knows a password?"""

from __future__ import annotations

from vipwarden.protocol.hashes import digest
from vipwarden.protocol.mysql.codec import PacketError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable

NATIVE, CACHING, CLEAR = "mysql_native_password", "caching_sha2_password", "mysql_clear_password"
IN_CLEAR = (CLEAR, "sha256_password")  # take the plain password, over a secure connection
BY_SOCKET = ("unix_socket", "auth_socket")  # of MariaDB and MySQL: the system identifies the user

# Answers that reveal nothing and count as a wrong password; for other plugins an empty one does. An answer whose length
# the plugin refuses counts as a connect error, and in the end blocks the host (tested: MariaDB 10.11, MySQL 9.7)
WRONG_ANSWERS = {"client_ed25519": bytes(64), CACHING: b"\0", "sha256_password": b"\0", CLEAR: b"\0"}

# The same for the question that may follow one of these plugins: MariaDB then asks by ed25519, MySQL by the old native
PARTING_ANSWERS = {NATIVE: bytes(64), CACHING: bytes(20)}


def answer(plugin: str, password: bytes, nonce: bytes) -> bytes:
    """Return the answer to the challenge of a plugin in ANSWERS; raises PacketError."""
    if len(nonce) < 20:
        raise PacketError(f"sent a challenge for {plugin} that is cut short")
    return ANSWERS[plugin](password, nonce[:20])


def _native(password: bytes, nonce: bytes) -> bytes:
    """Return SHA1(password) XOR SHA1(nonce + SHA1(SHA1(password))); nothing for an empty password."""
    if not password:
        return b""
    once = digest("sha1", password)
    return _xor(once, digest("sha1", nonce + digest("sha1", once)))


def _caching(password: bytes, nonce: bytes) -> bytes:
    """Return SHA256(password) XOR SHA256(SHA256(SHA256(password)) + nonce); a zero byte for an empty password."""
    if not password:
        return b"\0"
    once = digest("sha256", password)
    return _xor(once, digest("sha256", digest("sha256", once) + nonce))


ANSWERS: dict[str, Callable[[bytes, bytes], bytes]] = {NATIVE: _native, CACHING: _caching}


def _xor(left: bytes, right: bytes) -> bytes:
    return bytes(a ^ b for a, b in zip(left, right, strict=True))
