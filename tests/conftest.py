"""How do the tests run side by side? Each worker of pytest-xdist is, where root may, a node of its own.

``pytest -n auto`` starts more workers than there are processors, as most of the time of most tests is waiting. A worker
of root's has its own network, processes, /run and /tmp (apart.sh); other users' share the machine's, with ports of
their own (servers/ports.py). What claims a short time is marked ``alone``: `make test` runs it when nothing else does.
"""

from __future__ import annotations

import fcntl
import os
import signal
import socket
import struct
import subprocess
import sys
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import HealthCheck, settings

if TYPE_CHECKING:
    from collections.abc import Sequence

# How long an example takes says how busy the machine is. Each run has the same examples: FUZZ=1 make test looks for
# new ones.
settings.register_profile(
    "busy", deadline=None, derandomize="FUZZ" not in os.environ, suppress_health_check=[HealthCheck.too_slow]
)
settings.load_profile("busy")
_APART = Path(__file__).with_name("apart.sh")
_PER_PROCESSOR = 3
_SIOCSIFFLAGS, _IFF_UP = 0x8914, 1  # netdevice(7)


def pytest_xdist_auto_num_workers(config: pytest.Config) -> int:
    """Say how many workers ``-n auto`` is."""
    return _PER_PROCESSOR * len(os.sched_getaffinity(0))


def pytest_xdist_setupnodes(config: pytest.Config, specs: Sequence[Any]) -> None:
    """Start each worker in namespaces of its own."""
    if _may_be_apart():
        for spec in specs:
            spec.python = f"{_APART} {sys.executable}"
            spec.env["TESTS_APART"] = "1"


@pytest.hookimpl(tryfirst=True)
def pytest_configure(config: pytest.Config) -> None:
    """Make a worker's node ready: its loopback, and a short folder in its own /tmp."""
    os.umask(0o022)  # other users read what some tests write
    if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:  # of a shell's background, and inherited by what is started
        signal.signal(signal.SIGINT, signal.default_int_handler)
    if hasattr(config, "workerinput") and os.environ.get("TESTS_APART"):
        with socket.socket() as any_socket:
            fcntl.ioctl(any_socket, _SIOCSIFFLAGS, struct.pack("16sH14x", b"lo", _IFF_UP))
        config.option.basetemp = "/tmp/pytest"


def pytest_ignore_collect(collection_path: Path, config: pytest.Config) -> bool | None:
    """Leave files unread that have none of the tests that run alone, where only those are wanted."""
    if config.option.markexpr != "alone" or collection_path.suffix != ".py":
        return None
    return "mark.alone" not in collection_path.read_text() or None


@cache
def _may_be_apart() -> bool:
    """Tell whether this user may make the namespaces: root may, save in most containers."""
    return os.geteuid() == 0 and subprocess.run([_APART, "true"], check=False, capture_output=True).returncode == 0
