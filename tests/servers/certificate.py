"""A self-signed certificate of one name, made by openssl."""

from __future__ import annotations

import subprocess
from typing import TYPE_CHECKING

from tests.commands import program

if TYPE_CHECKING:
    from pathlib import Path


def self_signed(folder: Path, name: str = "web.test") -> tuple[Path, Path]:
    """Return the files of a certificate for ``name`` and 127.0.0.1, and of its key."""
    certificate, key = folder / f"{name}.crt", folder / f"{name}.key"
    command = [program("openssl"), "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1"]
    command += ["-nodes", "-days", "2", "-subj", f"/CN={name}", "-addext", f"subjectAltName=DNS:{name},IP:127.0.0.1"]
    command += ["-keyout", str(key), "-out", str(certificate)]
    subprocess.run(command, check=True, capture_output=True)
    return certificate, key
