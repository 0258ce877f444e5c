"""A node in a network namespace of its own, with the real keepalived."""

from __future__ import annotations

import contextlib
import os
import re
import subprocess
import sys
import sysconfig
import time
from typing import TYPE_CHECKING

from tests.commands import CODE, environment, program
from tests.servers.keepalived import kill

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

VIP = "198.18.0.1"  # RFC 2544: nothing leaves the namespace, and nothing in the world would answer
CONF = """
global_defs {{
    enable_script_security
    script_user root
    vrrp_version 3
    vrrp_garp_master_repeat 1
    {globally}
}}
{scripts}
vrrp_instance V1 {{
    interface own
    state BACKUP
    virtual_router_id 1
    priority 100
    advert_int 0.1
    virtual_ipaddress {{
        198.18.0.1/32 dev own
    }}
    {inside}
}}
"""


class Node:
    """Its commands run by ``environment``; keepalived's log is ``log``."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.log = folder / "log"
        self.conf = folder / "keepalived.conf"
        self.environment = environment(folder) | {"VIPWARDEN_STATE_DIR": f"{folder}/state"}
        self.environment["PATH"] += ":/usr/sbin:/sbin"
        self.ip = program("ip")
        made = (
            "ip link set lo up; ip link add own type veth peer name other; ip link set own up; ip link set other up; "
            "ip addr add 198.18.0.9/32 dev own; echo ready; exec cat"
        )
        self.holder = subprocess.Popen(
            [program("unshare"), "-n", "sh", "-ec", made], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
        )
        assert self.holder.stdout is not None
        assert self.holder.stdout.readline() == "ready\n"
        self.inside = (program("nsenter"), "-t", str(self.holder.pid), "-n")

    def run(self, *command: str | Path) -> subprocess.CompletedProcess[str]:
        """Run a command inside to its end."""
        return subprocess.run(
            [*self.inside, *command], capture_output=True, text=True, check=False, env=self.environment, timeout=60
        )

    @contextlib.contextmanager
    def running(self, *command: str | Path) -> Iterator[subprocess.Popen[bytes]]:
        """Run a command inside until the end of the block."""
        with (
            self.log.open("a") as log,
            subprocess.Popen([*self.inside, *command], stdout=log, stderr=log, env=self.environment) as process,
        ):
            try:
                yield process
            finally:
                process.terminate()
                process.wait(timeout=60)

    def configure(self, *, globally: str = "", scripts: str = "", inside: str = "") -> None:
        """Write keepalived.conf."""
        self.conf.write_text(CONF.format(globally=globally, scripts=scripts, inside=inside))

    @contextlib.contextmanager
    def keepalived(self) -> Iterator[subprocess.Popen[bytes]]:
        """Run keepalived until the end of the block; it may be stopped before."""
        files = [word for letter in "prcb" for word in (f"-{letter}", self.folder / f"{letter}.pid")]
        with self.running(program("keepalived"), "-n", "-l", "-D", "-P", "-f", self.conf, *files) as process:
            try:
                yield process
            finally:
                kill(process)

    def holds_the_vip(self) -> bool:
        """Return whether the VIP is on the interface."""
        return f" {VIP}/32 " in self.run(self.ip, "-o", "addr", "show", "dev", "own").stdout

    def must_come(self, what: Callable[[], bool], seconds: float = 60) -> None:
        """Wait for something."""
        end = time.monotonic() + seconds
        while not what():
            assert time.monotonic() < end, self.log.read_text()
            time.sleep(0.02)

    def times(self, pattern: str) -> int:
        """Return how often the log has something."""
        return len(re.findall(pattern, self.log.read_text()))


@contextlib.contextmanager
def node(folder: Path) -> Iterator[Node]:
    """Give a node that ends with the block."""
    program("keepalived")
    made = Node(folder)
    with made.holder:
        try:
            yield made
        finally:
            made.holder.communicate()


def libexec(folder: Path) -> Path:
    """Return a folder of commands that keepalived's script security accepts: root's own, up to the top."""
    target = folder / "libexec"
    target.mkdir()
    libraries = sysconfig.get_path("purelib")
    script = (sys.executable, CODE / "packaging/launchers.py", "--python", sys.executable)
    subprocess.run((*script, "--code", CODE, "--libraries", libraries, target), check=True, stdout=subprocess.DEVNULL)
    assert os.stat(target).st_uid == 0, "these tests run as root"  # noqa: PTH116
    return target
