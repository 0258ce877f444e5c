"""What do DNS, ICMP and TLS cost the agent, beside blackbox_exporter, and TLS beside a bare handshake?"""

from __future__ import annotations

import hashlib
import subprocess
import sys
import tempfile
from contextlib import ExitStack
from pathlib import Path
from typing import TYPE_CHECKING

from bench.rivals import PAGE, PORT, TARGETS, blackbox, in_turn, ours, web
from tests.servers.dns import knot

if TYPE_CHECKING:
    from collections.abc import Callable

_TLS = PORT + TARGETS
_NAMES = _TLS + TARGETS
_WANTED = (
    ("agent, HTTPS", "blackbox, HTTPS", 0.6),
    ("agent, HTTPS", "bare MemoryBIO, HTTPS", 1.15),
    ("agent, DNS", "blackbox, DNS", 0.25),
    ("agent, ICMP", "blackbox, ICMP", 0.3),
)


def main(runs: int) -> None:
    """Print the table; a run here is a few seconds of each program in turn."""
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="vipwarden-bench-", dir="/dev/shm")))
        ca = stack.enter_context(web(folder))
        prober = stack.enter_context(blackbox(folder))
        stack.enter_context(knot(folder, range(_NAMES, _NAMES + TARGETS)))
        digest = hashlib.md5(PAGE, usedforsecurity=False).hexdigest()
        page = (
            f"check: http_digest, hosts: 127.0.0.1, ports: {_TLS}-{_TLS + TARGETS - 1}, path: /page, digest: {digest}"
        )
        https = f"{page}, tls: true, ca_file: {ca}"
        dns = f"check: dns_answer, hosts: 127.0.0.1, ports: {_NAMES}-{_NAMES + TARGETS - 1}, query: www.example.org"
        pings = f"check: icmp_echo, hosts: '127.0.1.[1-{TARGETS}]', count: 1"
        probes: dict[str, Callable[[], float]] = {
            "bare MemoryBIO, HTTPS": lambda: _bare(ca, digest),
            "agent, HTTPS": lambda: ours(https, 1, 0.4),
            "blackbox, HTTPS": lambda: prober("https", _TLS, 0),
            "agent, DNS": lambda: ours(dns, 10),
            "blackbox, DNS": lambda: prober("dns", _NAMES, 0),
            "agent, ICMP": lambda: ours(pings, 10),
            "blackbox, ICMP": lambda: prober("icmp", 1, 0),
        }
        in_turn(probes, runs, _WANTED)


def _bare(ca: Path, digest: str) -> float:
    command = [sys.executable, str(Path(__file__).with_name("handshake.py")), str(ca), str(_TLS), str(TARGETS), digest]
    return float(subprocess.run(command, check=True, capture_output=True, text=True).stdout)
