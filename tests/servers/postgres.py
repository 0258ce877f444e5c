"""Real PostgreSQL servers on loopback, as an unprivileged user: a primary, and standbys that stream from it."""

from __future__ import annotations

import os
import pwd
import signal
import subprocess
import tempfile
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from tests.commands import program
from tests.servers.daemon import daemon
from tests.servers.ports import free_ports

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

_SMALL = {
    "fsync": "off", "synchronous_commit": "off", "full_page_writes": "off", "shared_buffers": "16MB",
    "max_connections": "20", "max_wal_senders": "4", "autovacuum": "off", "wal_receiver_status_interval": "1",
    "log_min_messages": "debug1", "log_connections": "on",
}  # fmt: skip
PASSWORD = "correct horse"


class Postgres:
    """A running server: where it listens, what it logs, and a way in for its administrator."""

    def __init__(self, folder: Path, port: int) -> None:
        self.folder = folder
        self.port = port
        self.data = folder / "data"
        self.log = folder / "log"
        self.socket = str(folder)

    def query(self, statement: str) -> str:
        """Run a statement as the administrator by the unix socket and return what comes out."""
        command = [_bin("psql"), "-XAtqh", self.socket, "-p", str(self.port), "-U", "postgres", "-c", statement]
        return subprocess.run([*_owner(), *command], check=True, capture_output=True, text=True).stdout.strip()

    @contextmanager
    def standby(self) -> Iterator[Postgres]:
        """Run a standby of it."""
        with _folder() as folder:
            other = Postgres(folder, free_ports(1)[0])
            backup = [
                _bin("pg_basebackup"),
                "-h",
                self.socket,
                "-p",
                str(self.port),
                "-U",
                "postgres",
                "-R",
                "-c",
                "fast",
            ]
            subprocess.run([*_owner(), *backup, "-D", str(other.data)], check=True, capture_output=True)
            with other.running():
                yield other

    @contextmanager
    def running(self) -> Iterator[None]:
        """Run it until the end of the block."""
        options = {**_SMALL, "port": str(self.port), "unix_socket_directories": self.socket}
        words = [word for name, value in options.items() for word in ("-c", f"{name}={value}")]
        ready = [_bin("pg_isready"), "-qh", self.socket, "-p", str(self.port)]
        with daemon(
            [*_owner(), _bin("postgres"), "-D", str(self.data), "-h", "127.0.0.1", *words],
            self.log,
            lambda: subprocess.run(ready, check=False).returncode == 0,
            signal.SIGINT,  # clients need not leave first
        ):
            yield


@contextmanager
def postgres(rules: Sequence[str] = (), certificate: Path | None = None) -> Iterator[Postgres]:
    """Run a primary with these lines in its pg_hba.conf, and TLS by server.pem and server.key of a folder."""
    with _folder() as folder:
        server = Postgres(folder, free_ports(1)[0])
        make = [_bin("initdb"), "-D", str(server.data), "-U", "postgres", "-A", "trust", "--no-sync", "-E", "UTF8"]
        subprocess.run([*_owner(), *make, "--locale=C"], check=True, capture_output=True)
        local = "local all,replication postgres trust"
        (server.data / "pg_hba.conf").write_text("\n".join([local, *rules, ""]))
        if certificate is not None:
            with (server.data / "postgresql.conf").open("a") as conf:
                conf.write("ssl = on\n")
            for name, source in (("server.crt", "server.pem"), ("server.key", "server.key")):
                (server.data / name).write_bytes((certificate / source).read_bytes())
                (server.data / name).chmod(0o600)
                _give(server.data / name)
        with server.running():
            yield server


@contextmanager
def _folder() -> Iterator[Path]:
    _bin("initdb")  # brings the user of the servers
    with tempfile.TemporaryDirectory(prefix="vw-pg-", ignore_cleanup_errors=True) as name:
        Path(name).chmod(0o755)
        _give(Path(name))
        yield Path(name)


def _give(path: Path) -> None:
    if os.geteuid() == 0:
        owner = pwd.getpwnam("postgres")
        os.chown(path, owner.pw_uid, owner.pw_gid)


def _owner() -> list[str]:
    """Return what goes before a command so that root runs it as the user of the servers."""
    if os.geteuid() != 0:
        return []
    return [program("setpriv"), "--reuid=postgres", "--regid=postgres", "--clear-groups", "--"]


def _bin(name: str) -> str:
    return str(Path(program("/usr/lib/postgresql/*/bin/initdb")).with_name(name))
