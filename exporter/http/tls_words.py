"""Which words does TLS have in the web configuration file? Go's, as exporter-toolkit uses them."""

from __future__ import annotations

import ssl
from typing import TYPE_CHECKING, cast

if TYPE_CHECKING:
    from collections.abc import Iterable

VERSIONS = {
    "TLS10": ssl.TLSVersion.TLSv1,
    "TLS11": ssl.TLSVersion.TLSv1_1,
    "TLS12": ssl.TLSVersion.TLSv1_2,
    "TLS13": ssl.TLSVersion.TLSv1_3,
}
# OpenSSL's name of each; those of TLS 1.3 are always on, with Go as well
CIPHERS = {
    "TLS_AES_128_GCM_SHA256": "",
    "TLS_AES_256_GCM_SHA384": "",
    "TLS_CHACHA20_POLY1305_SHA256": "",
    "TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256": "ECDHE-ECDSA-AES128-GCM-SHA256",
    "TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256": "ECDHE-RSA-AES128-GCM-SHA256",
    "TLS_ECDHE_ECDSA_WITH_AES_256_GCM_SHA384": "ECDHE-ECDSA-AES256-GCM-SHA384",
    "TLS_ECDHE_RSA_WITH_AES_256_GCM_SHA384": "ECDHE-RSA-AES256-GCM-SHA384",
    "TLS_ECDHE_ECDSA_WITH_CHACHA20_POLY1305_SHA256": "ECDHE-ECDSA-CHACHA20-POLY1305",
    "TLS_ECDHE_RSA_WITH_CHACHA20_POLY1305_SHA256": "ECDHE-RSA-CHACHA20-POLY1305",
    "TLS_ECDHE_ECDSA_WITH_AES_128_CBC_SHA": "ECDHE-ECDSA-AES128-SHA",
    "TLS_ECDHE_RSA_WITH_AES_128_CBC_SHA": "ECDHE-RSA-AES128-SHA",
    "TLS_ECDHE_ECDSA_WITH_AES_256_CBC_SHA": "ECDHE-ECDSA-AES256-SHA",
    "TLS_ECDHE_RSA_WITH_AES_256_CBC_SHA": "ECDHE-RSA-AES256-SHA",
}
# whether a certificate is asked for, and must be there; it is always verified
CLIENTS = {
    "NoClientCert": (False, False),
    "VerifyClientCertIfGiven": (True, False),
    "RequireAndVerifyClientCert": (True, True),
}


class _Word(str):
    __slots__ = ()
    known: Iterable[str] = ()

    def __new__(cls, text: str) -> _Word:
        """Build it from its text; raises ValueError with what is wanted."""
        if text not in cls.known:
            raise ValueError(f"known are {', '.join(cls.known)}")
        return str.__new__(cls, text)


class ClientAuth(_Word):
    """What is asked of a client's certificate."""

    __slots__ = ()
    known = CLIENTS

    def __new__(cls, text: str) -> ClientAuth:
        """Build it from its text; raises ValueError, also for Go's kinds that verify nothing."""
        if text in ("RequestClientCert", "RequireAnyClientCert", "RequireClientCert"):
            raise ValueError(
                "any certificate would do, and Python's ssl verifies what it asks for: use RequireAndVerifyClientCert "
                "with a client_ca_file of the CA, or of the clients' self-signed certificates themselves"
            )
        return cast("ClientAuth", super().__new__(cls, text))


class TlsVersion(_Word):
    """A version of TLS."""

    __slots__ = ()
    known = VERSIONS


class Cipher(_Word):
    """A cipher suite of TLS up to 1.2."""

    __slots__ = ()
    known = CIPHERS
