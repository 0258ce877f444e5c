"""How is a connection to the exporter encrypted, and whose certificates are accepted?"""

from __future__ import annotations

import asyncio
import os
import ssl
import warnings
from contextlib import ExitStack, contextmanager
from ipaddress import ip_address
from typing import TYPE_CHECKING, Any

from exporter.http.words import CIPHERS, CLIENTS, VERSIONS, Cipher, ClientAuth, TlsVersion

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

_NOBODY = ClientAuth("NoClientCert")
_GROUPS = (
    "cannot be set here: Python's ssl takes no list of groups. Set 'Groups = X25519:P-256' in an openssl.cnf for this "
    "service, see docs/exporter.md, and leave this key out"
)
_TLS12, _TLS13 = TlsVersion("TLS12"), TlsVersion("TLS13")


class HandshakeError(Exception):
    """A client without a connection; ``reason`` is tls or certificate."""

    def __init__(self, reason: str, text: str) -> None:
        super().__init__(text)
        self.reason = reason


class TlsError(ValueError):
    """A wrong ``key`` of tls_server_config, "" for the whole section."""

    def __init__(self, key: str, text: str) -> None:
        super().__init__(text)
        self.key = key


def tls_server_config(
    *,
    cert: str = "",
    cert_file: str = "",
    key: str = "",
    key_file: str = "",
    client_ca: str = "",
    client_ca_file: str = "",
    client_auth_type: ClientAuth = _NOBODY,
    client_allowed_sans: tuple[str, ...] = (),
    min_version: TlsVersion = _TLS12,
    max_version: TlsVersion = _TLS13,
    cipher_suites: tuple[Cipher, ...] = (),
    prefer_server_cipher_suites: bool = True,
    curve_preferences: tuple[str, ...] = (),
) -> ssl.SSLContext:
    """Return the TLS settings: the section of this name in the web configuration; raises TlsError.

    Certificates and keys are in files or, as PEM, in the configuration.
    """
    pairs = ("cert", cert, cert_file), ("key", key, key_file), ("client_ca", client_ca, client_ca_file)
    for name, inline, file in pairs:
        if inline and file:
            raise TlsError(f"{name}_file", f"stands beside {name}: one of them is enough")
        if name != "client_ca" and not (inline or file):
            raise TlsError("", f"wants {name}_file as well")
    if curve_preferences:
        raise TlsError("curve_preferences", _GROUPS)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.set_alpn_protocols(["http/1.1"])
    context.options |= ssl.OP_NO_RENEGOTIATION
    if not prefer_server_cipher_suites:
        context.options &= ~ssl.OP_CIPHER_SERVER_PREFERENCE
    _versions(context, min_version, max_version)
    _ciphers(context, cipher_suites, is_old=VERSIONS[min_version] < ssl.TLSVersion.TLSv1_2)
    _certificate(context, (cert, cert_file), (key, key_file))
    asked, needed = CLIENTS[client_auth_type]
    if client_allowed_sans and not needed:
        text = f"lets everybody in who shows no certificate where client_auth_type is {client_auth_type}"
        raise TlsError("client_allowed_sans", text)
    if asked and not (client_ca or client_ca_file):
        raise TlsError("client_auth_type", "wants client_ca_file as well: who signs the certificates of the clients")
    if (client_ca or client_ca_file) and not asked:
        raise TlsError("client_ca_file" if client_ca_file else "client_ca", f"is not looked at by {client_auth_type}")
    if asked:
        context.verify_mode = ssl.CERT_REQUIRED if needed else ssl.CERT_OPTIONAL
        _authority(context, client_ca, client_ca_file)
    return context


def _versions(context: ssl.SSLContext, minimum: str, maximum: str) -> None:
    if VERSIONS[maximum] < VERSIONS[minimum]:
        raise TlsError("max_version", f"is {maximum}, below min_version, which is {minimum}")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)  # of old versions
        context.minimum_version = VERSIONS[minimum]
        context.maximum_version = VERSIONS[maximum]


def _ciphers(context: ssl.SSLContext, suites: tuple[str, ...], *, is_old: bool) -> None:
    names = [CIPHERS[suite] for suite in suites or (CIPHERS if is_old else ()) if CIPHERS[suite]]
    if names:  # versions before TLS 1.2 sign with SHA-1, which OpenSSL allows only at level 0
        context.set_ciphers(":".join(names) + (":@SECLEVEL=0" if is_old else ""))
    elif suites:
        if context.maximum_version < ssl.TLSVersion.TLSv1_3:
            raise TlsError("cipher_suites", "has suites of TLS 1.3 alone, which max_version rules out")
        context.minimum_version = ssl.TLSVersion.TLSv1_3


def _certificate(context: ssl.SSLContext, cert: tuple[str, str], key: tuple[str, str]) -> None:
    cert_key, key_key = "cert" if cert[0] else "cert_file", "key" if key[0] else "key_file"

    def no_password() -> str:
        raise TlsError(key_key, "is encrypted, and nobody is there to type its password")

    with ExitStack() as stack:
        cert_path = stack.enter_context(_as_file(cert_key, *cert))
        key_path = stack.enter_context(_as_file(key_key, *key))
        try:
            context.load_cert_chain(cert_path, key_path, no_password)
        except ssl.SSLError as error:
            if error.reason == "KEY_VALUES_MISMATCH":
                raise TlsError(key_key, f"does not belong to {cert_key}") from None
            raise TlsError(cert_key, f"or {key_key} cannot be used: {_reason(error)}") from None


def _authority(context: ssl.SSLContext, inline: str, file: str) -> None:
    name = "client_ca" if inline else "client_ca_file"
    with _as_file(name, inline, file) as path:
        try:
            context.load_verify_locations(path)
        except ssl.SSLError as error:
            raise TlsError(name, f"cannot be used: {_reason(error)}") from None


@contextmanager
def _as_file(name: str, inline: str, path: str) -> Iterator[str]:
    """Yield a path for OpenSSL, which reads only files: of the file, or of one in memory for an inline text."""
    if inline:
        with open(os.memfd_create("vipwarden", os.MFD_CLOEXEC), "w") as memory:  # noqa: PTH123 - never on a disk
            memory.write(inline)
            memory.flush()
            yield f"/proc/self/fd/{memory.fileno()}"
        return
    try:
        os.close(os.open(path, os.O_RDONLY | os.O_CLOEXEC | os.O_NONBLOCK))  # OpenSSL does not name the file
    except OSError as error:
        raise TlsError(name, f"is {path}, which cannot be read: {error.strerror}") from None
    yield path


def _reason(error: ssl.SSLError) -> str:
    return error.reason.replace("_", " ").lower() if error.reason else "PEM is wanted"


async def encrypted(
    protocol: asyncio.Protocol,
    transport: asyncio.Transport,
    context: ssl.SSLContext,
    seconds: float,
    names: frozenset[str],
) -> asyncio.Transport:
    """Return the encrypted connection to a client, whose certificate has one of the names; raises HandshakeError."""
    limits: dict[str, Any] = {"ssl_handshake_timeout": seconds, "ssl_shutdown_timeout": 1}
    loop = asyncio.get_running_loop()
    try:
        made = await loop.start_tls(transport, protocol, context, server_side=True, **limits)
    except (OSError, asyncio.CancelledError) as error:  # SSLError and TimeoutError are OSErrors
        raise HandshakeError("tls", f"the handshake failed: {_failure(error)}") from None
    if made is None:
        raise HandshakeError("tls", "the client left in the handshake")
    certificate = made.get_extra_info("peercert")
    if names and certificate and not names & _alternative_names(certificate):
        raise HandshakeError("certificate", "no name of the certificate is in client_allowed_sans")
    return made


def _failure(error: BaseException) -> str:
    """Return why a handshake failed: OpenSSL's reason, also for an alert of the client."""
    if isinstance(error, ssl.SSLError):
        reason = _reason(error)
        return f"{reason} ({error.verify_message})" if isinstance(error, ssl.SSLCertVerificationError) else reason
    if isinstance(error, TimeoutError):
        return "it was not finished in time"
    return getattr(error, "strerror", None) or str(error) or "the client has gone"


def _alternative_names(certificate: Mapping[str, Any]) -> set[str]:
    """Return the DNS names, mail addresses, IP addresses and URIs of a certificate of getpeercert()."""
    names = certificate.get("subjectAltName", ())
    texts = {value for kind, value in names if kind in ("DNS", "email", "URI")}
    return texts | {str(ip_address(value.strip())) for kind, value in names if kind == "IP Address"}  # ::1, not in full
