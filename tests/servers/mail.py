"""Real mail servers on free ports of loopback, with TLS: postfix and dovecot. Both want root."""

from __future__ import annotations

import os
import shutil
import socket
import subprocess
import tempfile
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from tests.commands import lacking, program
from tests.servers.daemon import daemon
from tests.servers.ports import free_ports

if TYPE_CHECKING:
    from collections.abc import Iterator

_MAIN = """
compatibility_level = 3.6
queue_directory = {folder}/queue
data_directory = {folder}/data
myhostname = mail.test
mydestination =
alias_maps =
inet_interfaces = loopback-only
inet_protocols = ipv4
maillog_file = /dev/stdout
smtpd_peername_lookup = no
smtpd_tls_security_level = may
smtpd_tls_cert_file = {certificate}
smtpd_tls_key_file = {key}
"""
_MASTER = """
127.0.0.1:{plain} inet n - n - - smtpd
127.0.0.1:{inside} inet n - n - - smtpd -o smtpd_tls_wrappermode=yes
anvil unix - - n - 1 anvil
tlsmgr unix - - n - 1 tlsmgr
proxymap unix - - n - - proxymap
postlog unix-dgram n - n - 1 postlogd
"""
_DOVECOT = """{dialect}
base_dir = {folder}/run
state_dir = {folder}/run
log_path = /dev/stderr
protocols = imap pop3
listen = 127.0.0.1
ssl = yes
service imap-login {{
  inet_listener imap {{
    port = {imap}
  }}
  inet_listener imaps {{
    port = {imaps}
  }}
}}
service pop3-login {{
  inet_listener pop3 {{
    port = {pop3}
  }}
  inet_listener pop3s {{
    port = {pop3s}
  }}
}}
"""
_DIALECTS = {
    "2.3": "ssl_cert = <{certificate}\nssl_key = <{key}\npassdb {{\n  driver = static\n  args = nopassword=y\n}}",
    "2.4": "dovecot_config_version = 2.4.0\ndovecot_storage_version = 2.4.0\n"
    "ssl_server_cert_file = {certificate}\nssl_server_key_file = {key}\npassdb static {{\n  password = none\n}}",
}


class Mail(NamedTuple):
    """Running servers: ports by protocol, those inside TLS as "smtps" and so on, and their logs."""

    ports: dict[str, int]
    postfix: Path
    dovecot: Path


@contextmanager
def mail(certificate: Path, key: Path) -> Iterator[Mail]:
    """Run both in a folder that their users may enter."""
    if os.geteuid() != 0:
        lacking("only root starts postfix and dovecot")
    with tempfile.TemporaryDirectory(prefix="mail-", dir="/tmp") as name:
        Path(name).chmod(0o755)
        with _running(Path(name), certificate, key) as servers:
            yield servers


@contextmanager
def _running(folder: Path, certificate: Path, key: Path) -> Iterator[Mail]:
    names = ("smtp", "smtps", "imap", "imaps", "pop3", "pop3s")
    ports = dict(zip(names, free_ports(len(names)), strict=True))
    files = {"folder": folder, "certificate": certificate, "key": key}
    version = subprocess.run([program("dovecot"), "--version"], capture_output=True, text=True, check=True).stdout[:3]
    config, logs = folder / "dovecot.conf", (folder / "postfix.log", folder / "dovecot.log")
    config.write_text(_DOVECOT.format(dialect=_DIALECTS[version].format(**files), **ports, **files))
    with (
        # its master ends the processes of its own group
        daemon([program("setsid"), *_postfix(folder, ports, files)], logs[0], lambda: _greets(ports["smtp"])),
        daemon([program("dovecot"), "-F", "-c", str(config)], logs[1], lambda: _greets(ports["imap"])),
    ):
        yield Mail(ports, *logs)


def _postfix(folder: Path, ports: dict[str, int], files: dict[str, Path]) -> list[str]:
    """Make its folders, which belong to its users; return its command."""
    for name in ("data", "queue/pid", "queue/private", "queue/public"):
        (folder / name).mkdir(parents=True)
    for name, group, mode in (("data", "postfix", 0o700), ("queue/private", "root", 0o700)):
        shutil.chown(folder / name, "postfix", group)
        (folder / name).chmod(mode)
    shutil.chown(folder / "queue/public", "postfix", "postdrop")
    (folder / "main.cf").write_text(_MAIN.format(**files))
    (folder / "master.cf").write_text(_MASTER.format(plain=ports["smtp"], inside=ports["smtps"]))
    return [program("/usr/lib/postfix/sbin/master"), "-c", str(folder), "-d"]


def _greets(port: int) -> bool:
    try:
        with socket.create_connection(("127.0.0.1", port), timeout=1) as sock:
            return sock.recv(4) != b""
    except OSError:
        return False
