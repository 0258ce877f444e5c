"""A real LDAP server on loopback: slapd, with one small directory."""

from __future__ import annotations

import socket
import subprocess
from contextlib import contextmanager
from typing import TYPE_CHECKING, NamedTuple
from urllib.parse import quote

from tests.commands import program
from tests.servers.daemon import daemon
from tests.servers.ports import free_ports

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

BASE = "dc=example,dc=org"
ADMIN = f"cn=admin,{BASE}"
HIDDEN = f"ou=hidden,{BASE}"  # from all who have not logged in
_CONFIG = """
include /etc/ldap/schema/core.schema
pidfile {folder}/slapd.pid
modulepath /usr/lib/ldap
moduleload back_mdb
TLSCertificateFile {certificate}
TLSCertificateKeyFile {key}
database mdb
maxsize 10485760
suffix "dc=example,dc=org"
rootdn "cn=admin,dc=example,dc=org"
rootpw secret
directory {folder}/db
access to dn.base="ou=hidden,dc=example,dc=org" by users read by * none
access to * by * read
"""
_ENTRIES = """
dn: dc=example,dc=org
objectClass: dcObject
objectClass: organization
o: Example
o: Beispiel
dc: example

dn: ou=hidden,dc=example,dc=org
objectClass: organizationalUnit
ou: hidden
"""


class Ldap(NamedTuple):
    """A running server."""

    port: int
    tls: int  # its port for ldaps
    path: str  # of its unix socket


@contextmanager
def ldap(folder: Path, certificate: Path, key: Path) -> Iterator[Ldap]:
    """Run slapd with its files in a folder."""
    port, tls = free_ports(2)
    server = Ldap(port, tls, str(folder / "ldapi"))
    (folder / "db").mkdir()
    config, entries = folder / "slapd.conf", folder / "entries.ldif"
    config.write_text(_CONFIG.format(folder=folder, certificate=certificate, key=key))
    entries.write_text(_ENTRIES.lstrip())
    subprocess.run([program("slapadd"), "-q", "-f", config, "-l", entries], check=True, capture_output=True)
    where = f"ldap://127.0.0.1:{server.port} ldaps://127.0.0.1:{server.tls} ldapi://{quote(server.path, safe='')}"
    command = [program("slapd"), "-h", where, "-f", str(config), "-d", "256"]
    with daemon(command, folder / "slapd.log", lambda: _answers(server)):
        yield server


def _answers(server: Ldap) -> bool:
    try:
        socket.create_connection(("127.0.0.1", server.tls), timeout=1).close()
    except OSError:
        return False
    return True
