"""An authority and certificates that it signed, made by the real openssl; and passwords with their hashes."""

from __future__ import annotations

import datetime as dt
import subprocess
from typing import TYPE_CHECKING, NamedTuple

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec

from tests.commands import program

if TYPE_CHECKING:
    from pathlib import Path

# of cost 4, which takes a millisecond
USER, PASSWORD, HASH = "prometheus", "secret pass: wörd", "$2y$04$abcdefghijklmnopqrstuu.vOlvgxHMxUoH51IAJcjXqTifDlUPhq"


class Pair(NamedTuple):
    """The files of a certificate and of its key."""

    certificate: Path
    key: Path


class Authority:
    """Signs certificates of a folder."""

    def __init__(self, folder: Path, name: str = "ca") -> None:
        self.folder = folder
        self.name = name
        self.own = Pair(folder / f"{name}.crt", folder / f"{name}.key")
        usage = ["-addext", "keyUsage=critical,digitalSignature,keyCertSign,cRLSign"]  # which Python wants from 3.13 on
        openssl(*_request(f"/CN={name}", self.own), "-x509", "-days", "2", *usage, "-out", str(self.own.certificate))

    def sign(self, name: str, names: str = "DNS:web.test,IP:127.0.0.1,IP:::1", *, old: bool = False) -> Pair:
        """Return a certificate with these alternative names, which may have run out long ago."""
        pair = Pair(self.folder / f"{name}.crt", self.folder / f"{name}.key")
        request, extensions = self.folder / f"{name}.csr", self.folder / f"{name}.ext"
        extensions.write_text(f"subjectAltName={names}\nauthorityKeyIdentifier=keyid\n")
        openssl(*_request(f"/CN={name}", pair), "-out", str(request))
        signer = ["-CA", str(self.own.certificate), "-CAkey", str(self.own.key), "-CAcreateserial", "-days", "2"]
        made = ["-extfile", str(extensions), "-out", str(pair.certificate)]
        openssl("x509", "-req", "-in", str(request), *signer, *made)
        if old:  # openssl refuses to sign such a certificate
            _make_old(pair.certificate, self.own.key)
        return pair


def _make_old(path: Path, signer: Path) -> None:
    """Sign a certificate again with an end that is past."""
    given = x509.load_pem_x509_certificate(path.read_bytes())
    key = serialization.load_pem_private_key(signer.read_bytes(), None)
    assert isinstance(key, ec.EllipticCurvePrivateKey)
    end = given.not_valid_before_utc - dt.timedelta(days=1)
    made = x509.CertificateBuilder(given.issuer, given.subject, given.public_key(), given.serial_number)
    made = made.not_valid_before(end - dt.timedelta(days=1)).not_valid_after(end)
    for one in given.extensions:
        made = made.add_extension(one.value, one.critical)
    path.write_bytes(made.sign(key, hashes.SHA256()).public_bytes(serialization.Encoding.PEM))


def _request(subject: str, pair: Pair) -> list[str]:
    curve = ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1"]
    return ["req", "-new", *curve, "-nodes", "-subj", subject, "-keyout", str(pair.key)]


def openssl(*arguments: str) -> None:
    """Run it."""
    subprocess.run([program("openssl"), *arguments], check=True, capture_output=True)
