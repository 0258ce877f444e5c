"""How does a client prove to a MySQL server that it knows a password?"""

from __future__ import annotations

from vipwarden.protocol.mysql.codec import PacketError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable

NATIVE, CACHING, CLEAR = "mysql_native_password", "caching_sha2_password", "mysql_clear_password"
IN_CLEAR = (CLEAR, "sha256_password")  # these take the password as it is, where nobody can listen
BY_SOCKET = ("unix_socket", "auth_socket")  # MariaDB's name and MySQL's: the system vouches for the user

# A server counts an answer of a length that its plugin does not take as a connect error, and blocks the host in the
# end. Measured with MariaDB 10.11 and MySQL 9.7: these count as a wrong password, for any other plugin nothing does.
_WRONG_ANSWERS = {"client_ed25519": bytes(64), CACHING: b"\0", "sha256_password": b"\0", CLEAR: b"\0"}

# Who was content with none of it is asked by another plugin next: as MariaDB is by ed25519, MySQL by the old native
_PARTING_ANSWERS = {NATIVE: bytes(64), CACHING: bytes(20)}


def answer(plugin: str, password: bytes, nonce: bytes) -> bytes:
    """Return the answer to a challenge by one of the two ways that hide the password; raises PacketError."""
    if len(nonce) < 20:
        raise PacketError(f"sent a challenge for {plugin} that is cut short")
    return _ANSWERS[plugin](password, nonce[:20])


def can_answer(plugin: str) -> bool:
    """Return whether the plugin is one that answer() knows."""
    return plugin in _ANSWERS


def wrong_answer(plugin: str) -> bytes:
    """Return an answer that gives nothing away and that the server takes for a wrong password, not for noise."""
    return _WRONG_ANSWERS.get(plugin, b"")


def parting_answer(plugin: str) -> bytes:
    """Return such an answer to a question that has not come yet, after the one of ``plugin`` was answered."""
    return _PARTING_ANSWERS.get(plugin, b"")


def native(password: bytes, nonce: bytes) -> bytes:
    """Return SHA1(password) XOR SHA1(nonce + SHA1(SHA1(password))); nothing for an empty password."""
    if not password:
        return b""
    once = _sha1(password)
    return _xor(once, _sha1(nonce + _sha1(once)))


def caching(password: bytes, nonce: bytes) -> bytes:
    """Return SHA256(password) XOR SHA256(SHA256(SHA256(password)) + nonce); a zero byte for an empty password."""
    if not password:
        return b"\0"
    once = _sha256(password)
    return _xor(once, _sha256(_sha256(once) + nonce))


_ANSWERS: dict[str, Callable[[bytes, bytes], bytes]] = {NATIVE: native, CACHING: caching}


def _xor(one: bytes, other: bytes) -> bytes:
    return bytes(a ^ b for a, b in zip(one, other, strict=True))


def _sha1(data: bytes) -> bytes:
    try:
        from _sha1 import sha1  # type: ignore[import-not-found]  # hashlib would load OpenSSL
    except ImportError:
        from hashlib import sha1
    digest: bytes = sha1(data).digest()
    return digest


def _sha256(data: bytes) -> bytes:
    try:
        from _sha2 import sha256  # type: ignore[import-not-found]
    except ImportError:
        try:
            from _sha256 import sha256  # type: ignore[import-not-found]  # its name in Python 3.11
        except ImportError:
            from hashlib import sha256
    digest: bytes = sha256(data).digest()
    return digest
