"""Which words may a web configuration contain? Those of Go, as in exporter-toolkit."""

from __future__ import annotations

import re
import ssl
from typing import TYPE_CHECKING

from vipwarden.core.values import Choice

if TYPE_CHECKING:
    from typing import Self

VERSIONS = {
    "TLS10": ssl.TLSVersion.TLSv1,
    "TLS11": ssl.TLSVersion.TLSv1_1,
    "TLS12": ssl.TLSVersion.TLSv1_2,
    "TLS13": ssl.TLSVersion.TLSv1_3,
}
# OpenSSL's names; suites of TLS 1.3 are always on, with Go as well
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
# whether a certificate is requested, and required; it is always verified
CLIENTS = {
    "NoClientCert": (False, False),
    "VerifyClientCertIfGiven": (True, False),
    "RequireAndVerifyClientCert": (True, True),
}


_UNITS = {"ns": 1e-9, "us": 1e-6, "µs": 1e-6, "ms": 1e-3, "s": 1.0, "m": 60.0, "h": 3600.0}
_DURATION = re.compile(r"([0-9]{1,9}(?:\.[0-9]{1,9})?)(ns|us|µs|ms|s|m|h)")


class Duration(float):
    """A time as Go writes it, in seconds: 0, 500ms, 1s, 1m30s; at most a day."""

    __slots__ = ()

    def __new__(cls, text: str) -> Duration:
        """Build it from its text; raises ValueError with what is wanted."""
        seconds = sum(float(number) * _UNITS[unit] for number, unit in _DURATION.findall(text))
        if (text != "0" and _DURATION.sub("", text)) or not text or seconds > 86400:
            raise ValueError("a time is written as 500ms, 1s or 1m30s, and is at most 24h")
        return float.__new__(cls, seconds)


class ClientAuth(Choice):
    """The demand for a client's certificate."""

    __slots__ = ()
    choices = tuple(CLIENTS)

    def __new__(cls, text: str) -> Self:
        """Build it from its text; raises ValueError, also for Go's kinds that verify nothing."""
        if text in ("RequestClientCert", "RequireAnyClientCert", "RequireClientCert"):
            raise ValueError(
                "any certificate would do, and Python's ssl verifies what it asks for: use RequireAndVerifyClientCert "
                "with a client_ca_file of the CA, or of the clients' self-signed certificates themselves"
            )
        return super().__new__(cls, text)


class TlsVersion(Choice):
    """A version of TLS."""

    __slots__ = ()
    choices = tuple(VERSIONS)


class Cipher(Choice):
    """A cipher suite of TLS up to 1.2."""

    __slots__ = ()
    choices = tuple(CIPHERS)
