"""Certificates: a self-signed one of one name by openssl, and chains of any kind."""

from __future__ import annotations

import datetime as dt
import subprocess
from typing import TYPE_CHECKING, NamedTuple

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec

from tests.commands import program

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from cryptography.hazmat.primitives.asymmetric import rsa

    Key = rsa.RSAPrivateKey | ec.EllipticCurvePrivateKey

_DAY = dt.timedelta(days=1)


def self_signed(folder: Path, name: str = "web.test") -> tuple[Path, Path]:
    """Return the files of a certificate for ``name`` and 127.0.0.1, and of its key."""
    certificate, key = folder / f"{name}.crt", folder / f"{name}.key"
    command = [program("openssl"), "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1"]
    command += ["-nodes", "-days", "2", "-subj", f"/CN={name}", "-addext", f"subjectAltName=DNS:{name},IP:127.0.0.1"]
    command += ["-keyout", str(key), "-out", str(certificate)]
    subprocess.run(command, check=True, capture_output=True)
    return certificate, key


class Issued(NamedTuple):
    """A certificate and its key."""

    certificate: x509.Certificate
    key: Key

    @property
    def der(self) -> bytes:
        """Return the certificate as it travels."""
        return self.certificate.public_bytes(serialization.Encoding.DER)

    def write(self, path: Path) -> Path:
        """Write the certificate to a file."""
        path.write_bytes(self.certificate.public_bytes(serialization.Encoding.PEM))
        return path


def issue(
    name: str,
    issuer: Issued | None = None,
    *,
    key: Key | None = None,
    authority: bool = False,
    identified: bool = False,
    usage: bool = False,
    named: bool = True,
    critical: bool = True,
    days: float = 1,
) -> Issued:
    """Sign a certificate, as bare as MySQL makes its own unless more is asked for; it is valid for ``days`` more."""
    key = key or ec.generate_private_key(ec.SECP256R1())
    issuer_key = issuer.key if issuer else key
    subject = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, name)])
    end = dt.datetime.now(dt.UTC) + days * _DAY
    made = (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(issuer.certificate.subject if issuer else subject)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(min(end, dt.datetime.now(dt.UTC)) - 3 * _DAY)
        .not_valid_after(end)
        .add_extension(x509.BasicConstraints(ca=authority, path_length=None), critical)
    )
    if not authority and named:
        made = made.add_extension(x509.SubjectAlternativeName([x509.DNSName(name)]), critical=False)
    if identified:
        made = made.add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), critical=False)
        known = x509.AuthorityKeyIdentifier.from_issuer_public_key(issuer_key.public_key())
        made = made.add_extension(known, critical=False)
    if usage:
        no = dict.fromkeys(("content_commitment", "key_encipherment", "data_encipherment", "key_agreement"), False)
        only = x509.KeyUsage(
            digital_signature=False, key_cert_sign=True, crl_sign=True, encipher_only=False, decipher_only=False, **no
        )
        made = made.add_extension(only, critical=True)
    return Issued(made.sign(issuer_key, hashes.SHA256()), key)


def shown(chain: Sequence[Issued], folder: Path) -> tuple[Path, Path]:
    """Write the files of a server that shows these certificates, its own first: certificates and key."""
    certificates, key = folder / "chain.pem", folder / "key.pem"
    certificates.write_bytes(b"".join(one.certificate.public_bytes(serialization.Encoding.PEM) for one in chain))
    pem = serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    key.write_bytes(chain[0].key.private_bytes(*pem))
    return certificates, key
