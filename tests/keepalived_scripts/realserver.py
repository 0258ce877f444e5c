"""A network namespace that becomes a real server, and one of its client."""

from __future__ import annotations

import contextlib
import subprocess
import sys
from typing import TYPE_CHECKING

from tests.commands import BIN, environment, program

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

VIP, OTHER, VIP6 = "198.18.0.10", "198.18.0.11", "2001:db8::10"
CONF = "/proc/sys/net/ipv4/conf"
SERVE = """
import socket, sys
family = socket.AF_INET6 if ":" in sys.argv[1] else socket.AF_INET
with socket.create_server((sys.argv[1], 80), family=family) as server:
    sys.stdout.write("ready\\n"); sys.stdout.flush()
    while True:
        client, _ = server.accept()
        client.sendall(b"hello from " + client.getsockname()[0].encode()); client.close()
"""
FETCH = "import socket, sys; print(socket.create_connection((sys.argv[1], 80), float(sys.argv[2])).recv(99).decode())"


class Server:
    """A network namespace that becomes a real server, and one of a client on the same wire (interface ``far``)."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.environment = environment(folder)
        self.environment["PATH"] += ":/usr/sbin:/sbin"
        self.client = self._space("ip link set lo up; echo ready; exec cat")
        self.space = self._space(
            "ip link set lo up; ip link add near type veth peer name far; ip link set near up; "
            f"ip addr add 198.18.0.2/24 dev near; ip addr add 2001:db8::2/64 dev near nodad; "
            f"ip link set far netns {self.client.pid}; echo ready; exec cat"
        )
        for word in (
            "ip link set far up",
            "ip addr add 198.18.0.1/24 dev far",
            "ip addr add 2001:db8::1/64 dev far nodad",
        ):
            assert self.from_client(*word.split()).returncode == 0

    def _space(self, line: str) -> subprocess.Popen[str]:
        command = [program("unshare"), "-n", "sh", "-ec", line]
        process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        assert process.stdout is not None
        assert process.stdout.readline() == "ready\n"
        return process

    def close(self) -> None:
        """End both."""
        for space in (self.space, self.client):
            space.communicate()

    def run(self, *command: str | Path, space: subprocess.Popen[str] | None = None) -> subprocess.CompletedProcess[str]:
        """Run a command on the real server."""
        pid = str((space or self.space).pid)
        return subprocess.run(
            [program("nsenter"), "-t", pid, "-n", *command],
            capture_output=True, text=True, check=False, env=self.environment, timeout=60,
        )  # fmt: skip

    def from_client(self, *command: str | Path) -> subprocess.CompletedProcess[str]:
        """Run a command on the client."""
        return self.run(*command, space=self.client)

    def __call__(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        """Run realserver."""
        return self.run(BIN / "realserver", *arguments)

    def sysctl(self, key: str, value: int | None = None, interface: str = "all") -> int:
        """Return a setting, and before it write it."""
        path = f"{CONF}/{interface}/{key}"
        if value is not None:
            assert self.run("sh", "-c", f"echo {value} >{path}").returncode == 0
        return int(self.run("cat", path).stdout)

    def settings(self) -> tuple[int, int]:
        """Return arp_ignore and arp_announce of all interfaces."""
        return self.sysctl("arp_ignore"), self.sysctl("arp_announce")

    def on_lo(self) -> str:
        """Return what lo holds."""
        return self.run("ip", "addr", "show", "dev", "lo").stdout

    @contextlib.contextmanager
    def serving(self, address: str) -> Iterator[None]:
        """Serve on an address of the real server."""
        with subprocess.Popen(
            [program("nsenter"), "-t", str(self.space.pid), "-n", sys.executable, "-c", SERVE, address],
            stdout=subprocess.PIPE,
            text=True,
        ) as process:
            assert process.stdout is not None
            assert process.stdout.readline() == "ready\n"
            try:
                yield
            finally:
                process.kill()

    def fetch(self, address: str, seconds: float = 5) -> str:
        """Return what the client gets from an address, or nothing."""
        return self.from_client(sys.executable, "-c", FETCH, address, str(seconds)).stdout.strip()

    def routed(self, address: str) -> None:
        """Let the client reach an address as a director does: by the real server's MAC."""
        mac = next(word for word in self.run("ip", "link", "show", "near").stdout.split() if word.count(":") == 5)
        done = self.from_client("ip", "neigh", "replace", address, "lladdr", mac, "dev", "far", "nud", "permanent")
        assert done.returncode == 0, done

    def heard_of(self, address: str) -> bool:
        """Return whether the client learnt a MAC for an address."""
        neighbours = self.from_client("ip", "neigh", "show", address).stdout
        return "lladdr" in neighbours
