"""A real HAProxy in the foreground, with a stats socket."""

from __future__ import annotations

import socket
import subprocess
import tempfile
import threading
import time
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING, TypeAlias

from tests.commands import program

if TYPE_CHECKING:
    from collections.abc import Iterator

PopenBytes: TypeAlias = "subprocess.Popen[bytes]"
_HEAD = """
global
  log stderr format raw local0
  maxconn 200
  stats socket {path} mode 600 level admin
defaults
  mode http
  timeout connect 2s
  timeout client 5s
  timeout server 5s
"""


@contextmanager
def haproxy(body: str, *arguments: str) -> Iterator[str]:
    """Run HAProxy with these proxies, and yield the path of its stats socket once it answers."""
    with running(body, *arguments) as (path, _):
        yield path


@contextmanager
def running(body: str, *arguments: str) -> Iterator[tuple[str, PopenBytes]]:
    """Run HAProxy with these proxies, and yield the path of its stats socket and its process once it answers."""
    # not in tmp_path: the path of a socket has at most 107 bytes
    with tempfile.TemporaryDirectory(prefix="haproxy-") as folder:
        path = f"{folder}/stats.sock"
        conf = Path(folder, "haproxy.cfg")
        conf.write_text(_HEAD.format(path=path) + body, encoding="utf-8")
        log = Path(folder, "log")
        with log.open("wb") as out:
            process = subprocess.Popen(
                [program("haproxy"), *(arguments or ("-db",)), "-f", str(conf)], stdout=out, stderr=out
            )
        try:
            _await(path, process, log)
            yield path, process
        finally:
            # a master takes its workers along by SIGTERM alone; old ones leave when it is gone
            process.terminate()
            try:
                process.wait(5)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()


@contextmanager
def agent(word: str) -> Iterator[int]:
    """Answer every agent check with that word, and yield the port."""
    with socket.create_server(("127.0.0.1", 0)) as server:

        def serve() -> None:
            while True:
                try:
                    connection, _ = server.accept()
                except OSError:
                    return
                with connection, suppress(OSError):
                    connection.sendall(word.encode() + b"\n")

        thread = threading.Thread(target=serve)
        thread.start()
        try:
            yield server.getsockname()[1]
        finally:
            server.shutdown(socket.SHUT_RDWR)
            thread.join()


def command(path: str, text: str) -> str:
    """Give a command on a stats socket and return the whole answer."""
    with socket.socket(socket.AF_UNIX) as sock:
        sock.settimeout(60)
        sock.connect(path)
        sock.sendall(text.encode() + b"\n")
        return b"".join(iter(lambda: sock.recv(65536), b"")).decode()


def server_status(path: str) -> dict[str, str]:
    """Return the status of each server as ``backend/server``."""
    rows = [line.split(",") for line in command(path, "show stat").split("\n") if line]
    column = rows[0].index("status")
    return {f"{row[0]}/{row[1]}": row[column] for row in rows[1:]}


def wait_for(path: str, server: str, status: str) -> None:
    """Wait until a server has a status."""
    until = time.monotonic() + 60
    while server_status(path)[server] != status:
        assert time.monotonic() < until, f"{server} is {server_status(path)[server]}, not {status}"
        time.sleep(0.02)


def _await(path: str, process: subprocess.Popen[bytes], log: Path) -> None:
    until = time.monotonic() + 60
    while True:
        try:
            command(path, "show info")
        except OSError:
            assert process.poll() is None and time.monotonic() < until, log.read_text(encoding="utf-8")  # noqa: PT018
            time.sleep(0.02)
        else:
            return
