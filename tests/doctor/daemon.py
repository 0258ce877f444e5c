"""The real keepalived, in namespaces of its own: one interface v0, and an empty /run with the agent's folder."""

from __future__ import annotations

import os
import select
import subprocess
import time
from typing import TYPE_CHECKING

from tests.commands import program
from tests.servers.keepalived import kill

if TYPE_CHECKING:
    from pathlib import Path

_FIRST = """
mount -t tmpfs none /run
mkdir -p /run/vipwarden/track
ip link set lo up
ip link add v0 type veth peer name v1
ip link set v0 up
ip link set v1 up
ip addr add 192.0.2.9/24 dev v0
"""


def in_namespace(command: str) -> list[str]:
    """Return a command line that becomes the command in a namespace with v0, and dies with us."""
    program("ip")
    return [
        program("setpriv"),
        "--pdeathsig",
        "TERM",
        program("unshare"),
        "-nm",
        "sh",
        "-ec",
        f"{_FIRST} exec {command}",
    ]


def check(folder: Path, conf: str) -> tuple[int, str]:
    """Let keepalived check a configuration (-t) and return its exit code and what it says."""
    path = folder / "checked.conf"
    path.write_text(conf, encoding="utf-8")
    command = in_namespace(f"{program('keepalived')} -t -f {path}")
    done = subprocess.run(command, capture_output=True, timeout=60, check=False, text=True)
    return done.returncode, done.stdout + done.stderr


def log(folder: Path, conf: str, *until: str, seconds: float = 60) -> str:
    """Run keepalived's VRRP part until its log has all the texts, and return the log."""
    path = folder / "run.conf"
    path.write_text(conf, encoding="utf-8")
    for pid in folder.glob("*.pid"):
        pid.unlink()
    pids = f"-p {folder}/k.pid -r {folder}/v.pid"
    command = in_namespace(f"{program('keepalived')} -n -l -D -G -P -f {path} {pids}")
    running = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
    try:
        return _read_until(running, until, time.monotonic() + seconds)
    finally:
        kill(running)
        if running.stdout is not None:
            running.stdout.close()


def _read_until(running: subprocess.Popen[bytes], texts: tuple[str, ...], end: float) -> str:
    said = b""
    if running.stdout is None:
        return ""
    while not all(text.encode() in said for text in texts):
        ready, _, _ = select.select([running.stdout], [], [], max(0.0, end - time.monotonic()))
        more = os.read(running.stdout.fileno(), 65536) if ready else b""
        if not more:
            raise AssertionError(f"keepalived did not say {texts}:\n{said.decode('utf-8', 'replace')}")
        said += more
    return said.decode("utf-8", "replace")
