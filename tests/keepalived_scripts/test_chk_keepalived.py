"""Does keepalived do the right thing with the answers? The real program, in a network namespace of its own."""

from __future__ import annotations

import contextlib
import shutil
import subprocess
import sys
import time
from typing import TYPE_CHECKING

import pytest

from tests.commands import BIN, CODE, environment, program
from tests.servers.keepalived import kill

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

VIP = "127.0.99.1"  # nothing leaves the namespace, and even this never would
CONFIGURATION = """
global_defs {{
    enable_script_security
    script_user root
    vrrp_version 3
}}
vrrp_script healthy {{
    script "{command}"
    interval 1
    timeout {timeout}
    fall {fall}
    rise 1
    weight 0
}}
vrrp_instance VI {{
    interface own
    state MASTER
    virtual_router_id 1
    priority 100
    advert_int 0.2
    virtual_ipaddress {{
        {vip}/32 dev own
    }}
    track_script {{
        healthy
    }}
}}
"""
LISTEN = """
import socket, sys
listener = socket.socket()
listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
listener.bind(("127.0.0.1", 8080))
listener.listen(64)
sys.stdout.write("listening\\n")
sys.stdout.flush()
while True:
    listener.accept()[0].close()
"""
HANG = """
import posix, socket, sys
listener = socket.create_server(("127.0.0.1", 8080))
sys.stdout.write("listening\\n")
sys.stdout.flush()
held = []
while True:
    client = listener.accept()[0]
    if "hang" in posix.listdir(sys.argv[1]):
        held.append(client)
    else:
        client.sendall(b"SSH")
        client.close()
"""
NOTED = """#!/bin/sh
{command}
code=$?
echo $code >>{codes}
exit $code
"""


@pytest.fixture(scope="module")
def scripts(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a folder of launchers that keepalived's script security accepts: root's own, up to the top."""
    folder = tmp_path_factory.mktemp("libexec")
    for name in ("checks", "keepalived_scripts", "vipwarden"):
        shutil.copytree(CODE / name, folder / name, ignore=shutil.ignore_patterns("__pycache__"))
    (folder / "bin").mkdir()
    write = (CODE / "packaging/launchers.py", "--python", BIN / "python", "--code", folder, folder / "bin")
    subprocess.run((sys.executable, *write), check=True, capture_output=True)
    return folder / "bin"


class Node:
    """A network namespace with one interface, and what runs in it."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.log = folder / "log"
        self.ip = program("ip")
        self.holder = self._start(
            program("unshare"), "-n", "sh", "-ec",
            "ip link set lo up; ip link add own type veth peer name other; ip link set own up; ip link set other up; "
            "ip addr add 127.0.99.9/32 dev own; echo ready; exec cat",
        )  # fmt: skip
        self.wait_for_word(self.holder, "ready")

    def _start(self, *command: str | Path) -> subprocess.Popen[str]:
        return subprocess.Popen(
            command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, env=environment(self.folder)
        )

    @staticmethod
    def wait_for_word(process: subprocess.Popen[str], word: str) -> None:
        """Wait until a process says that it is there."""
        assert process.stdout is not None
        assert process.stdout.readline() == f"{word}\n"

    @contextlib.contextmanager
    def running(self, *command: str | Path) -> Iterator[subprocess.Popen[str]]:
        """Run a command inside until the end of the block."""
        with self._start(program("nsenter"), "-t", str(self.holder.pid), "-n", *command) as process:
            try:
                yield process
            finally:
                process.terminate()
                process.communicate(timeout=60)

    @contextlib.contextmanager
    def keepalived(self, command: str, timeout: int = 1, fall: int = 1) -> Iterator[None]:
        """Run keepalived with one track script, by which it holds the VIP or gives it up."""
        configuration = self.folder / "keepalived.conf"
        configuration.write_text(CONFIGURATION.format(command=command, timeout=timeout, fall=fall, vip=VIP))
        files = tuple(word for letter in "prcb" for word in (f"-{letter}", self.folder / f"{letter}.pid"))
        options = ("-n", "-l", "-D", "-P", "-f", configuration, *files)
        with (
            self.log.open("w") as log,
            subprocess.Popen(
                (program("nsenter"), "-t", str(self.holder.pid), "-n", program("keepalived"), *options),
                stdout=log,
                stderr=log,
                env=environment(self.folder),
            ) as process,
        ):
            try:
                yield
            finally:
                kill(process)

    def holds_the_vip(self) -> bool:
        """Return whether the VIP is on the interface."""
        command = [program("nsenter"), "-t", str(self.holder.pid), "-n", self.ip, "-o", "addr", "show", "dev", "own"]
        return f" {VIP}/32 " in subprocess.run(command, capture_output=True, text=True, check=True).stdout

    def must_come(self, what: Callable[[], bool]) -> None:
        """Wait for something, for ten seconds at most."""
        end = time.monotonic() + 60
        while not what():
            assert time.monotonic() < end, self.log.read_text()
            time.sleep(0.05)


@pytest.fixture
def node(tmp_path: Path) -> Iterator[Node]:
    """Give a namespace that ends with the test."""
    program("keepalived")
    made = Node(tmp_path)
    with made.holder:
        yield made
        made.holder.communicate()


def test_the_vip_follows_the_port(node: Node, scripts: Path) -> None:
    """Held while the server is up, given up when it stops, taken back when it is there again."""
    server = (sys.executable, "-IS", "-c", LISTEN)
    with contextlib.ExitStack() as all_the_time:
        with node.running(*server) as up:
            node.wait_for_word(up, "listening")
            all_the_time.enter_context(node.keepalived(f"{scripts}/chk_port -H 127.0.0.1 -p 8080"))
            node.must_come(node.holds_the_vip)
        node.must_come(lambda: not node.holds_the_vip())
        assert "FAULT" in node.log.read_text()
        with node.running(*server):
            node.must_come(node.holds_the_vip)
    assert "healthy" in node.log.read_text()
    assert "nsecure" not in node.log.read_text()


def test_the_vip_follows_the_process(node: Node, scripts: Path) -> None:
    """The same by a process of a name of its own."""
    own = node.folder / "balancer"
    own.symlink_to("/bin/cat")
    with contextlib.ExitStack() as all_the_time:
        with node.running(own):
            all_the_time.enter_context(node.keepalived(f"{scripts}/chk_process -C balancer"))
            node.must_come(node.holds_the_vip)
        node.must_come(lambda: not node.holds_the_vip())
        with node.running(own):
            node.must_come(node.holds_the_vip)


def test_a_copy_that_overlaps_resets_no_fall(node: Node, scripts: Path) -> None:
    """A run of 2.5 s at an interval of one: once a look has failed, no copy answers with the success before it.

    keepalived up to 2.3.2 says that it skips the run, and starts it all the same.
    """
    codes = node.folder / "codes"
    noted = node.folder / "noted"
    noted.write_text(NOTED.format(command=f"{scripts}/chk_port -H 127.0.0.1 -p 8080 -e SSH -t 2.5", codes=codes))
    noted.chmod(0o755)
    with node.running(sys.executable, "-IS", "-c", HANG, node.folder) as up:
        node.wait_for_word(up, "listening")
        with node.keepalived(str(noted), timeout=5, fall=5):
            node.must_come(node.holds_the_vip)
            (node.folder / "hang").touch()
            node.must_come(lambda: not node.holds_the_vip())
    said = codes.read_text().split()
    assert said[0] == "0"
    assert set(said[said.index("1") :]) == {"1"}


def test_a_wrong_option_is_a_fault_and_no_success(node: Node, scripts: Path) -> None:
    """A typing error in the configuration must not let a node hold the VIP."""
    with node.keepalived(f"{scripts}/chk_port -H 127.0.0.1 --prot 8080"):
        node.must_come(lambda: "exited with status 1" in node.log.read_text())
        time.sleep(1)  # as long as it would take to become MASTER
        assert not node.holds_the_vip()
