"""Real servers that speak TLS after STARTTLS: nginx for mail, vsftpd, slapd and MariaDB, on free ports of loopback."""

from __future__ import annotations

import socket
from contextlib import ExitStack, contextmanager
from typing import TYPE_CHECKING

from tests.commands import program
from tests.servers.daemon import daemon
from tests.servers.nginx import nginx
from tests.servers.ports import free_ports

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

_MAIL = """
load_module {module};
mail {{
    server_name mail.test;
    auth_http 127.0.0.1:1/never-asked;
    ssl_certificate {certificate};
    ssl_certificate_key {key};
    starttls on;
    server {{ listen 127.0.0.1:PORT0; protocol smtp; }}
    server {{ listen 127.0.0.1:PORT1; protocol imap; }}
    server {{ listen 127.0.0.1:PORT2; protocol pop3; }}
    server {{ listen 127.0.0.1:PORT3; protocol smtp; starttls off; }}
    server {{ listen 127.0.0.1:PORT4; protocol imap; starttls off; }}
    server {{ listen 127.0.0.1:PORT5; protocol pop3; starttls off; }}
}}
"""
_FTP = """
listen=YES
listen_address=127.0.0.1
listen_port={port}
background=NO
anonymous_enable=YES
run_as_launching_user=YES
secure_chroot_dir={folder}
seccomp_sandbox=NO
ssl_enable={tls}
rsa_cert_file={certificate}
rsa_private_key_file={key}
"""
_LDAP = """
pidfile {folder}/slapd.pid
TLSCertificateFile {certificate}
TLSCertificateKeyFile {key}
"""


@contextmanager
def servers(folder: Path, certificate: Path, key: Path) -> Iterator[dict[str, int]]:
    """Yield the port of each protocol, and of servers that offer no TLS as "no smtp" and so on."""
    files = {"certificate": certificate, "key": key, "folder": folder}
    ports = dict(zip(("ftp", "no ftp", "ldap", "no ldap"), free_ports(4), strict=True))
    with ExitStack() as running:
        mail = _MAIL.format(module=program("/usr/lib/nginx/modules/ngx_mail_module.so"), **files)
        numbers = running.enter_context(nginx(folder, "", 6, mail))
        ports |= dict(zip(("smtp", "imap", "pop3", "no smtp", "no imap", "no pop3"), map(int, numbers), strict=True))
        for name, tls in (("ftp", "YES"), ("no ftp", "NO")):
            config = folder / f"vsftpd-{ports[name]}.conf"
            config.write_text(_FTP.format(port=ports[name], tls=tls, **files).lstrip())
            running.enter_context(_running(folder, ports[name], "vsftpd", str(config)))
        for name in ("ldap", "no ldap"):
            config = folder / f"slapd-{ports[name]}.conf"
            config.write_text(_LDAP.format(**files) if name == "ldap" else f"pidfile {folder}/other.pid\n")
            where = f"ldap://127.0.0.1:{ports[name]}"
            running.enter_context(_running(folder, ports[name], "slapd", "-h", where, "-f", str(config), "-d", "0"))
        yield ports


@contextmanager
def _running(folder: Path, port: int, name: str, *arguments: str) -> Iterator[None]:
    """Run a server until the end of the block."""

    def answers() -> bool:
        try:
            socket.create_connection(("127.0.0.1", port), timeout=1).close()
        except OSError:
            return False
        return True

    with daemon([program(name), *arguments], folder / f"{name}-{port}.log", answers):
        yield
