"""A real MariaDB server with a data folder of its own, on loopback or alone in a network namespace."""

from __future__ import annotations

import ctypes
import datetime as dt
import ipaddress
import os
import pwd
import subprocess
import tempfile
import threading
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pymysql
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, rsa

from tests.commands import program
from tests.servers.ports import free_ports

if TYPE_CHECKING:
    from collections.abc import Iterator

FAR = "10.77.0.1"  # exists in the namespace of a far server only
_AS_ROOT = os.geteuid() == 0


class MariaDB:
    """A running server: where it listens, and a way in for its administrator."""

    def __init__(self, process: subprocess.Popen[str], folder: Path, port: int) -> None:
        self.process = process
        self.folder = folder
        self.port = port
        self.socket = str(folder / "s")
        self.ca_file = str(folder / "ca.pem")

    def query(self, *statements: str) -> list[dict[str, Any]]:
        """Run statements as root by the unix socket and return the rows of the last one."""
        with (
            pymysql.connect(
                unix_socket=self.socket, user="root", autocommit=True, cursorclass=pymysql.cursors.DictCursor
            ) as connection,
            connection.cursor() as cursor,
        ):
            for statement in statements:
                cursor.execute(statement)
            return list(cursor.fetchall())

    @contextmanager
    def inside(self) -> Iterator[None]:
        """Put this thread into the network namespace of the server."""
        home, away = (os.open(f"/proc/{who}/ns/net", os.O_RDONLY) for who in ("thread-self", self.process.pid))
        setns = ctypes.CDLL(None, use_errno=True).setns  # os.setns() is of Python 3.12
        try:
            assert setns(away, 0) == 0, os.strerror(ctypes.get_errno())
            yield
        finally:
            setns(home, 0)
            os.close(home)
            os.close(away)


@contextmanager
def mariadb(*options: str, far: bool = False, state: str = "") -> Iterator[MariaDB]:
    """Run a server with TLS and performance_schema; ``far`` puts it into a namespace where it has the address FAR.

    Connections from loopback never get into a server's host cache, those from FAR to FAR do. ``state`` is that of a
    Galera cluster (grastate.dat) whose data it has.
    """
    server, installer = program("mariadbd"), program("mariadb-install-db")
    for name in ("unshare", "ip") if far else ():
        program(name)
    with tempfile.TemporaryDirectory(prefix="vw-mariadb-", ignore_cleanup_errors=True) as name:
        folder = Path(name)
        folder.chmod(0o755)
        certificates(folder, "127.0.0.1", FAR)
        owner = ("--user=mysql",) if _AS_ROOT else ()
        data = folder / "data"
        small = ("--no-defaults", *owner, f"--datadir={data}", "--innodb-log-file-size=4M")
        install = [installer, *small, "--auth-root-authentication-method=normal", "--skip-test-db"]
        subprocess.run(install, check=True, capture_output=True)
        if state:
            (data / "grastate.dat").write_text(state)
        if _AS_ROOT:
            for path in (folder, *data.glob("grastate.dat")):
                os.chown(path, pwd.getpwnam("mysql").pw_uid, -1)
        port = 3306 if far else free_ports(1)[0]
        command = [
            *(server, *small, f"--socket={folder}/s", f"--port={port}", f"--pid-file={folder}/pid"),
            f"--bind-address={FAR if far else '127.0.0.1'}",
            *("--performance-schema=ON", "--plugin-load-add=auth_ed25519"),
            *(f"--ssl-ca={folder}/ca.pem", f"--ssl-cert={folder}/server.pem", f"--ssl-key={folder}/server.key"),
            *options,
        ]
        if far:
            (folder / "hosts").write_text(f"127.0.0.1 localhost\n{FAR} balancer.test\n")
            # a host counts only once its name is known
            shell = f"ip link set lo up; ip address add {FAR}/32 dev lo; mount --bind {folder}/hosts /etc/hosts"
            command = ["unshare", "--net", "--mount", "sh", "-ec", f'{shell}; exec "$@"', "sh", *command]
        with subprocess.Popen(command, stderr=subprocess.PIPE, text=True, errors="replace") as process:
            log = _Log(process)
            try:
                log.await_ready()
                yield MariaDB(process, folder, port)
            finally:
                process.kill()
                log.thread.join()


class _Log:
    """What a server says, read so that it never blocks on a full pipe."""

    def __init__(self, process: subprocess.Popen[str]) -> None:
        self.process = process
        self.lines: list[str] = []
        self.ready = threading.Event()
        self.thread = threading.Thread(target=self._read, daemon=True)
        self.thread.start()

    def await_ready(self) -> None:
        """Wait until the server takes connections, or is gone."""
        assert self.ready.wait(60)
        assert "ready for connections" in self.lines[-1], "".join(self.lines)

    def _read(self) -> None:
        assert self.process.stderr is not None
        for line in self.process.stderr:
            if not self.ready.is_set():
                self.lines.append(line)
            if "ready for connections" in line:
                self.ready.set()
        self.ready.set()


def certificates(folder: Path, *addresses: str) -> None:
    """Write ca.pem, and server.pem and server.key for localhost and some addresses."""
    ca_key, key = rsa.generate_private_key(65537, 2048), ec.generate_private_key(ec.SECP256R1())
    alternatives: list[x509.GeneralName] = [x509.DNSName("localhost")]
    alternatives += [x509.IPAddress(ipaddress.ip_address(address)) for address in addresses]
    ca = _builder("test CA", ca_key, "test CA").add_extension(x509.BasicConstraints(ca=True, path_length=None), True)
    server = _builder("server", key, "test CA").add_extension(x509.SubjectAlternativeName(alternatives), False)
    for name, builder in (("ca", ca), ("server", server)):
        (folder / f"{name}.pem").write_bytes(
            builder.sign(ca_key, hashes.SHA256()).public_bytes(serialization.Encoding.PEM)
        )
    plain = serialization.NoEncryption()
    pem = key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, plain)
    (folder / "server.key").write_bytes(pem)


def _builder(subject: str, key: rsa.RSAPrivateKey | ec.EllipticCurvePrivateKey, issuer: str) -> x509.CertificateBuilder:
    now = dt.datetime.now(dt.UTC)
    name, by = (x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, who)]) for who in (subject, issuer))
    days = now, now + dt.timedelta(days=2)
    return x509.CertificateBuilder(by, name, key.public_key(), x509.random_serial_number(), *days)
