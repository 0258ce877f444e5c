"""Are there local ports left? Counted among real connections, and where the kernel itself says that there are none."""

from __future__ import annotations

import json
import socket
import subprocess
import sys
from contextlib import ExitStack, contextmanager
from typing import TYPE_CHECKING

import pytest

from checks.ephemeral_ports import ephemeral_ports
from tests.agent.drive import resident
from tests.commands import CODE, needs_namespaces, program
from tests.drive import oneshot
from tests.servers.ports import free_ports
from vipwarden.core.result import CRITICAL, OK, UNKNOWN, WARNING, Result, State

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

LOADS = """_struct struct
    vipwarden.node vipwarden.node.netlink vipwarden.node.netlink.socket vipwarden.node.netlink.sockets
    vipwarden.node.process vipwarden.node.process.procfs"""
PORTS = 10


class Node:
    """A node with few ports, as its procfs tells, and a server."""

    def __init__(self, folder: Path, stack: ExitStack) -> None:
        self.proc = folder
        self.stack = stack
        self.low = block()
        self.server = stack.enter_context(socket.create_server(("127.0.0.1", 0)))
        self.port = int(self.server.getsockname()[1])
        self.pairs: list[tuple[socket.socket, socket.socket]] = []
        self.write("sys/net/ipv4/ip_local_port_range", f"{self.low}\t{self.low + PORTS - 1}\n")
        self.write("sys/net/ipv4/ip_local_reserved_ports", "\n")
        self.write("sys/net/ipv4/tcp_tw_reuse", "2\n")
        self.write("sys/net/ipv4/tcp_tw_reuse_delay", "0\n")
        self.write("sys/net/ipv4/tcp_timestamps", "1\n")
        self.write("net/sockstat", "sockets: used 13\nTCP: inuse 1 orphan 0 tw 7 alloc 1 mem 48\nUDP: inuse 0 mem 0\n")

    def write(self, name: str, text: str) -> None:
        """Write a file of its procfs."""
        path = self.proc / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)

    def connect(self, count: int, host: str = "127.0.0.1") -> None:
        """Open so many more connections to the server."""
        family = socket.AF_INET6 if ":" in host else socket.AF_INET
        for _ in range(count):
            client = self.stack.enter_context(socket.socket(family))
            client.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            client.bind((host, self.low + len(self.pairs)))
            client.connect((host, self.port))
            self.pairs.append((client, self.stack.enter_context(self.server.accept()[0])))

    def leave(self, count: int) -> None:
        """End so many connections, the client first."""
        for client, served in self.pairs[:count]:
            client.close()
            assert served.recv(1) == b""
            served.close()

    def ask(self, *arguments: str) -> Result:
        """Run the check, on either driver."""
        results = [drive(ephemeral_ports, "--proc", str(self.proc), *arguments) for drive in (oneshot, resident)]
        assert results[0].state == results[1].state
        return results[0]


def block() -> int:
    """Return the first of some free ports in a row."""
    while True:
        ports = free_ports(PORTS)
        if ports == list(range(ports[0], ports[0] + PORTS)):
            return ports[0]


@pytest.fixture
def node(tmp_path: Path) -> Iterator[Node]:
    """Give a node."""
    with ExitStack() as stack:
        yield Node(tmp_path, stack)


@contextmanager
def healthy(_folder: Path) -> Iterator[str]:
    """Yield options with which the check is OK."""
    yield "-H 127.0.0.1 -p 9"


@pytest.mark.parametrize(
    ("count", "arguments", "state", "text"),
    [
        (0, "-H 127.0.0.1 -p PORT", OK, "no connection to 127.0.0.1:PORT, 10 ports are free"),
        (5, "-H 127.0.0.1 -p PORT", OK, "5 of 10 ports used from 127.0.0.1 to 127.0.0.1:PORT (50 %)"),
        (5, "-p PORT --source 127.0.0.1 -w 40", WARNING, "127.0.0.1:PORT (50 %), range 40"),
        (5, "-H localhost -4 -p PORT -w 40 -c 45", CRITICAL, "(50 %), range 45"),
        (9, "", WARNING, "9 of 10 ports used from 127.0.0.1 to 127.0.0.1:PORT (90 %), range 80"),
        (10, "", CRITICAL, "10 of 10 ports used"),
        (10, "--source 127.0.0.2", OK, "no connection, 10 ports are free"),
        (10, "-H 127.0.0.2", OK, "no connection to 127.0.0.2, 10 ports are free"),
        (10, "-H fe80::1%lo --source fe80::2%lo", OK, "no connection to fe80::1%lo, 10 ports are free"),
        (10, "-p 9", OK, "no connection to port 9, 10 ports are free"),
        (0, "--time-wait 6", WARNING, "7 connections in TIME_WAIT, range 6"),
    ],
)
def test_the_fullest_destination_counts(node: Node, count: int, arguments: str, state: State, text: str) -> None:
    """Of those that are asked for."""
    node.connect(count)
    result = node.ask(*arguments.replace("PORT", str(node.port)).split())
    assert (result.state, text.replace("PORT", str(node.port)) in result.text) == (state, True), result


def test_reserved_ports_are_not_there(node: Node) -> None:
    """Those within the range."""
    node.write("sys/net/ipv4/ip_local_reserved_ports", f"1-2,{node.low - 5}-{node.low + 1},{node.low + 9}\n")
    node.connect(4)
    assert "4 of 7 ports used" in node.ask().text
    node.write("sys/net/ipv4/ip_local_reserved_ports", "1-65535")
    result = node.ask()
    assert (result.state, "has no port that is not reserved" in result.text) == (UNKNOWN, True)


@pytest.mark.parametrize(("reuse", "stamps", "held"), [("2", "1", 3), ("1", "1", 3), ("0", "1", 5), ("2", "0", 5)])
def test_a_port_in_time_wait_is_used_unless_it_may_be_reused(node: Node, reuse: str, stamps: str, held: int) -> None:
    """By tcp_tw_reuse, which needs timestamps."""
    node.write("sys/net/ipv4/tcp_tw_reuse", reuse)
    node.write("sys/net/ipv4/tcp_timestamps", stamps)
    node.connect(5)
    node.leave(2)
    result = node.ask("-p", str(node.port))
    assert f"{held} of 10 ports used" in result.text
    assert (", 2 more in TIME_WAIT" in result.text) is (held == 3)


def test_a_port_is_not_reused_before_its_delay(node: Node) -> None:
    """Which is a second where the kernel does not name it."""
    node.write("sys/net/ipv4/tcp_tw_reuse_delay", "60000")
    node.connect(5)
    node.leave(2)
    assert "5 of 10 ports used" in node.ask("-p", str(node.port)).text


def test_both_families_and_mapped_addresses(node: Node, tmp_path: Path) -> None:
    """An IPv6 socket that is connected to an IPv4 address takes a port of that one."""
    node.connect(2)
    node.connect(3, "::ffff:127.0.0.1")
    for options in ("", f"-H 127.0.0.1 -p {node.port}", "--source 127.0.0.1"):
        assert f"5 of 10 ports used from 127.0.0.1 to 127.0.0.1:{node.port} " in node.ask(*options.split()).text
    with ExitStack() as stack:
        six = Node(tmp_path, stack)
        six.server.close()
        six.server = stack.enter_context(socket.create_server(("::1", 0), family=socket.AF_INET6))
        six.port = int(six.server.getsockname()[1])
        six.connect(4, "::1")
        for options in ("", f"-H ::1 -p {six.port}", "--source ::1"):
            assert f"4 of 10 ports used from ::1 to [::1]:{six.port} (40 %)" in six.ask(*options.split()).text


@pytest.mark.parametrize(("count", "state"), [(70, OK), (85, WARNING), (96, CRITICAL)])
def test_connection_tracking(node: Node, count: int, state: State) -> None:
    """Where there is a table."""
    node.write("sys/net/netfilter/nf_conntrack_count", f"{count}\n")
    node.write("sys/net/netfilter/nf_conntrack_max", "100\n")
    result = node.ask()
    assert (result.state, f"conntrack {count} % full" in result.text) == (state, True)
    assert [metric.name for metric in result.metrics] == ["used", "conntrack", "ports", "time_wait"]


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("sys/net/ipv4/ip_local_port_range", "32768"),
        ("sys/net/ipv4/ip_local_port_range", "9 1"),
        ("sys/net/ipv4/ip_local_reserved_ports", "a-b"),
        ("sys/net/ipv4/tcp_tw_reuse", "\xff"),
        ("net/sockstat", ""),
        ("net/sockstat", "TCP: tw"),
        ("sys/net/netfilter/nf_conntrack_count", "1 2 3"),
    ],
)
def test_files_that_are_no_limits(node: Node, name: str, text: str) -> None:
    """The ports could not be counted."""
    node.write("sys/net/netfilter/nf_conntrack_max", "1")
    node.write(name, text)
    result = node.ask()
    assert (result.state, result.text.startswith("cannot count the ports: ")) == (UNKNOWN, True), result


def test_what_cannot_be_asked(node: Node) -> None:
    """With the file, or the host."""
    (node.proc / "net/sockstat").unlink()
    assert f"{node.proc}/net/sockstat: No such file" in node.ask().text
    assert node.ask("-H", "/run/x.sock").text == "/run/x.sock: a unix socket needs no port"
    assert node.ask("-H", "no.such.name.invalid").state == UNKNOWN


_FILL = """
import errno, json, socket, sys
from checks.ephemeral_ports import ephemeral_ports
from tests.drive import oneshot
for name, text in (("ip_local_port_range", "40000 40019"), ("ip_local_reserved_ports", "40003,40010-40011")):
    with open(f"/proc/sys/net/ipv4/{name}", "w") as file:
        file.write(text)
servers = [socket.create_server(("127.0.0.1", port), backlog=64) for port in (80, 81)]
held, said = [], []
def fill(port, most):
    for _ in range(most):
        try:
            held.append(socket.create_connection(("127.0.0.1", port)))
        except OSError as error:
            return errno.errorcode[error.errno]
    return "enough"
for port, most in ((81, 5), (80, 16), (80, 9)):
    outcome = fill(port, most)
    result = oneshot(ephemeral_ports, "-H", "127.0.0.1")
    said.append((outcome, str(result.state), result.text))
print(json.dumps(said))
"""


def test_the_kernel_has_no_port_where_all_are_used() -> None:
    """In a namespace with twenty ports, three of them reserved; other destinations are not concerned."""
    needs_namespaces()
    program("ip")
    command = ["unshare", "-n", "sh", "-c", 'ip link set lo up && exec "$0" -c "$1"', sys.executable, _FILL]
    said = json.loads(subprocess.run(command, cwd=CODE, check=True, capture_output=True, timeout=60).stdout)
    assert [(outcome, state) for outcome, state, _ in said] == [
        ("enough", "OK"),
        ("enough", "CRITICAL"),
        ("EADDRNOTAVAIL", "CRITICAL"),
    ]
    assert said[0][2].startswith("5 of 17 ports used from 127.0.0.1 to 127.0.0.1:81 (29.4 %)")
    assert said[1][2].startswith("16 of 17 ports used from 127.0.0.1 to 127.0.0.1:80 (94.1 %), range 90")
    assert said[2][2].startswith("17 of 17 ports used from 127.0.0.1 to 127.0.0.1:80 (100 %), range 90")
