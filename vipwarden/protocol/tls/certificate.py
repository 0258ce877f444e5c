"""Is a certificate valid, after a handshake that did not verify it?

A client that breaks off a handshake because of the certificate leaves an unused connection, which some servers count
as an error. So the handshake runs without verification, and OpenSSL verifies the chain afterwards: a second client,
without a peer, gets a ServerHello with these certificates. In TLS 1.2 (RFC 5246, section 7.4) they are in clear, and
are verified first. The real handshake has proved that the server owns the key of its certificate.
"""

from __future__ import annotations

import ssl

from vipwarden.net.stream import NetError
from vipwarden.net.tls import chain_of, described, plain_name
from vipwarden.net.trust import by_policy

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence
    from typing import Any

# ECDHE with AES-128-GCM, for RSA keys and for elliptic curves: a certificate must fit the cipher
_CIPHERS = (b"\xc0\x2f", b"\xc0\x2b")
_RENEGOTIATION_INFO = b"\xff\x01\x00\x01\x00"


def unverified_context(cert_file: str | None = None, key_file: str | None = None) -> ssl.SSLContext:
    """Return a context that verifies nothing, with the client's certificate, if any.

    Raises NetError (local) if its files cannot be read.
    """
    context = by_policy(ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT))
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    if cert_file:
        try:
            context.load_cert_chain(cert_file, key_file, password="")  # or it asks the terminal
        except (OSError, ValueError) as error:
            reason = getattr(error, "strerror", None) or error
            raise NetError("local", f"cannot read the certificate {cert_file} and its key: {reason}") from None
    return context


def verify(chain: Sequence[bytes], context: ssl.SSLContext, server_name: str | None, name: str) -> list[dict[str, Any]]:
    """Verify certificates in DER form, the server's own first, as the context would in a handshake.

    Returns what those from it to a trusted one say, as TlsStream.described() does. The context comes from
    net.trust.context() with ``judges``. Raises NetError (tls) with the reason if they are invalid; ``name`` is the
    peer's name in it.
    """
    nobody = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    nobody.maximum_version = ssl.TLSVersion.TLSv1_2
    for cipher in _CIPHERS:
        try:
            path = chain_of(_present(chain, cipher, context, server_name), verified=True)
        except ssl.SSLCertVerificationError as error:
            raise NetError("tls", f"the certificate of {name} is not valid: {error.verify_message}") from None
        except ssl.SSLError as error:  # most likely the key does not fit this cipher
            reason = (error.reason or str(error)).replace("_", " ").lower()
            continue
        try:  # a context without CAs must refuse; otherwise this library verifies later than OpenSSL
            _present(chain, cipher, nobody, "localhost")
        except ssl.SSLCertVerificationError:
            return described(path, name)
        reason = "the TLS library does not say"
    raise NetError("tls", f"the certificate of {name} cannot be verified: {reason}")


def _present(chain: Sequence[bytes], cipher: bytes, context: ssl.SSLContext, server_name: str | None) -> ssl.SSLObject:
    """Give the certificates to a client; raises ssl.SSLError unless it accepts them and waits for the keys."""
    incoming, outgoing = ssl.MemoryBIO(), ssl.MemoryBIO()
    client = context.wrap_bio(incoming, outgoing, server_hostname=plain_name(server_name))
    for flight in (b"", _record(_server_hello(cipher)) + _record(_certificates(chain))):
        incoming.write(flight)
        try:
            client.do_handshake()
        except ssl.SSLWantReadError:
            pass
    return client


def _server_hello(cipher: bytes) -> bytes:
    extensions = len(_RENEGOTIATION_INFO).to_bytes(2, "big") + _RENEGOTIATION_INFO
    return _message(2, b"\3\3" + bytes(32) + b"\0" + cipher + b"\0" + extensions)


def _certificates(chain: Sequence[bytes]) -> bytes:
    body = b"".join(len(der).to_bytes(3, "big") + der for der in chain)
    return _message(11, len(body).to_bytes(3, "big") + body)


def _message(kind: int, body: bytes) -> bytes:
    return bytes((kind,)) + len(body).to_bytes(3, "big") + body


def _record(message: bytes) -> bytes:
    """Return a handshake message in records of at most 16 KiB."""
    pieces = [message[start : start + 16384] for start in range(0, len(message), 16384)]
    return b"".join(b"\x16\3\3" + len(piece).to_bytes(2, "big") + piece for piece in pieces)
