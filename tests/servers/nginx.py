"""A real nginx in the foreground, on free ports of the loopback addresses."""

from __future__ import annotations

import socket
import subprocess
import time
from contextlib import contextmanager
from typing import TYPE_CHECKING

import pytest

from tests.commands import program
from tests.servers.ports import free_ports

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

_CONFIG = """
{beside}
daemon off;
master_process off;
user root;
pid {folder}/nginx.pid;
error_log {folder}/error.log;
events {{ }}
http {{
    access_log off;
    client_body_temp_path {folder}/t1;
    proxy_temp_path {folder}/t2;
    fastcgi_temp_path {folder}/t3;
    uwsgi_temp_path {folder}/t4;
    scgi_temp_path {folder}/t5;
    root {folder};
    {servers}
}}
"""


@contextmanager
def nginx(folder: Path, servers: str, ports: int = 1, beside: str = "") -> Iterator[list[str]]:
    """Run nginx with these server blocks and yield its ports; PORT0, PORT1 ... and FOLDER stand for what they are.

    It listens as the blocks say, on PORT0 at least of 127.0.0.1; ``folder`` is its root. ``beside`` stands before http.
    """
    numbers = list(map(str, free_ports(ports)))
    config = folder / "nginx.conf"
    text = _CONFIG.format(folder=folder, servers=servers, beside=beside)
    for index, number in enumerate(numbers):
        text = text.replace(f"PORT{index}", number)
    config.write_text(text.replace("FOLDER", str(folder)))
    with subprocess.Popen([program("nginx"), "-c", str(config), "-e", str(folder / "error.log")]) as server:
        try:
            _wait(server, int(numbers[0]), folder)
            yield numbers
        finally:
            server.terminate()


def _wait(server: subprocess.Popen[bytes], port: int, folder: Path) -> None:
    until = time.monotonic() + 60
    while True:
        try:
            socket.create_connection(("127.0.0.1", port), timeout=1).close()
        except OSError:
            log = folder / "error.log"
            if server.poll() is not None or time.monotonic() > until:
                pytest.fail(f"nginx does not run: {log.read_text() if log.exists() else ''}")
            time.sleep(0.01)
        else:
            return
