"""Does a UDP service reply? Beside socat, and where nobody replies."""

from __future__ import annotations

import socket
from contextlib import contextmanager
from pathlib import Path
from threading import Thread
from time import monotonic
from typing import TYPE_CHECKING

import pytest

from checks.udp_reply import udp_reply
from tests.agent.drive import resident
from tests.commands import program
from tests.drive import oneshot
from tests.servers import misbehaving as servers
from tests.servers.daemon import daemon
from tests.servers.ports import free_ports
from vipwarden.core.result import CRITICAL, OK, UNKNOWN, WARNING, Result, State
from vipwarden.core.values import Host, Port, Via
from vipwarden.net.blocking import BlockingNet, run

if TYPE_CHECKING:
    from collections.abc import Iterator

LOADS = "vipwarden.net.datagram"


@contextmanager
def socat(folder: Path, reply: str = "PIPE", host: str = "127.0.0.1") -> Iterator[int]:
    """Run socat and yield its port; it sends each datagram back, or replies by what another address of it gives."""
    (port,) = free_ports(1)
    kind = "UDP6" if ":" in host else "UDP4"
    bound = f"[{host}]" if ":" in host else host
    command = [program("socat"), f"{kind}-RECVFROM:{port},bind={bound},fork,reuseaddr", reply]
    with daemon(command, folder / "socat.log", lambda: _listens(host, port)):
        yield port


def _listens(host: str, port: int) -> bool:
    """Return whether the port is bound, without a datagram of which a child would still be busy."""
    return f":{port:04X} " in Path("/proc/net/udp6" if ":" in host else "/proc/net/udp").read_text()


@pytest.fixture(scope="module")
def echo(tmp_path_factory: pytest.TempPathFactory) -> Iterator[int]:
    """Run socat, which sends back what was sent."""
    with socat(tmp_path_factory.mktemp("socat")) as port:
        yield port


@pytest.fixture
def mute() -> Iterator[int]:
    """Yield a port that swallows everything."""
    with socket.socket(type=socket.SOCK_DGRAM) as sock:
        sock.bind(("", 0))
        yield sock.getsockname()[1]


@contextmanager
def healthy(folder: Path) -> Iterator[str]:
    """Yield options with which the check is OK."""
    with socat(folder) as port:
        yield f"-H 127.0.0.1 -p {port} -s ping -e ping"


def ask(port: int, *arguments: str) -> Result:
    """Ask a server on loopback."""
    return oneshot(udp_reply, "-H", "127.0.0.1", "-p", str(port), *arguments)


@pytest.mark.parametrize(
    ("arguments", "state", "text"),
    [
        (r"-s a\x00\xff\n", OK, r"replied 'a\x00\xff\n' ("),
        ("-s ping -e in", OK, "replied 'ping' ("),
        ("-s ping -w 1000:", WARNING, "replied 'ping' ("),
        ("-s ping -e pong", CRITICAL, "replied 'ping', not 'pong' ("),
    ],
)
def test_what_socat_sends_back(echo: int, arguments: str, state: State, text: str) -> None:
    """Both drivers say the same."""
    for drive in (oneshot, resident):
        result = drive(udp_reply, "-H", "127.0.0.1", "-p", str(echo), *arguments.split())
        assert (result.state, text in result.text) == (state, True), result


def test_an_empty_datagram_is_sent_where_nothing_else_is_said(tmp_path: Path) -> None:
    """It is one."""
    with socat(tmp_path, "SYSTEM:echo pong") as port:
        result = ask(port)
    assert (result.state, r"replied 'pong\n' (" in result.text) == (OK, True), result


def test_it_replies_by_ipv6(tmp_path: Path) -> None:
    """The name is written as everywhere."""
    with socat(tmp_path, host="::1") as port:
        result = oneshot(udp_reply, "-H", "::1", "-p", str(port), "-s", "ping")
    assert (result.state, f"[::1]:{port} replied 'ping'" in result.text) == (OK, True), result
    assert {metric.name: metric.value for metric in result.metrics}["size"] == 4


def test_a_port_where_nobody_listens_is_closed() -> None:
    """The host says so at once, by ICMP, also where silence is accepted."""
    with servers.closed() as server:
        for more in ((), ("--silence", "ok")):
            begun = monotonic()
            result = ask(server.port, "-t", "60", *more)
            assert (result.state, result.expired) == (CRITICAL, False)
            assert "is closed (Connection refused)" in result.text
            assert monotonic() - begun < 30


def test_silence_is_no_proof(mute: int) -> None:
    """It is CRITICAL at the deadline, or what the operator says, and never called open."""
    result = ask(mute, "-t", "0.3")
    assert (result.state, result.expired) == (CRITICAL, True)
    assert f"127.0.0.1:{mute} is silent, which is no proof" in result.text
    assert [metric.name for metric in result.metrics] == ["time"]


def test_where_silence_is_accepted_one_datagram_is_sent() -> None:
    """A counter must not count three."""
    with socket.socket(type=socket.SOCK_DGRAM) as sock:
        sock.bind(("127.0.0.1", 0))
        result = ask(sock.getsockname()[1], "-s", "hits:1|c", "--silence", "ok", "-t", "0.3")
        assert (result.state, result.expired) == (OK, False)
        assert "no proof" in result.text
        assert sock.recv(99) == b"hits:1|c"
        sock.setblocking(False)
        with pytest.raises(BlockingIOError):
            sock.recv(99)


def test_a_lost_datagram_is_sent_again() -> None:
    """The second one is answered."""
    with socket.socket(type=socket.SOCK_DGRAM) as sock:
        sock.bind(("127.0.0.1", 0))
        ask(sock.getsockname()[1], "-s", "x", "-t", "0.3")
        sock.setblocking(False)
        assert [sock.recv(9) for _ in range(3)] == [b"x"] * 3


def test_a_name_with_several_addresses_is_asked_at_the_next(echo: int) -> None:
    """127.0.0.1 replies where ::1 is closed."""
    assert oneshot(udp_reply, "-H", "localhost", "-p", str(echo), "-s", "x").state == OK


def test_what_is_replied_is_shown_as_one_line(tmp_path: Path) -> None:
    """Without what a terminal would obey, and not all of it."""
    with socat(tmp_path, r"SYSTEM:printf '\\033[2J\\n'; head -c 2000 /dev/zero") as port:
        result = ask(port)
    assert result.state == OK
    assert result.text.isprintable()
    assert len(result.text) < 300


@pytest.mark.parametrize(
    ("arguments", "reason"),
    [
        ("-H /run/x -p 1", "a unix socket has no UDP ports"),
        ("-H 127.0.0.1 -p 1 -e x --silence ok", "expect means nothing where silence is accepted"),
    ],
)
def test_options_that_contradict_each_other(arguments: str, reason: str) -> None:
    """Nothing is sent."""
    result = oneshot(udp_reply, *arguments.split())
    assert (result.state, reason in result.text) == (UNKNOWN, True)


class Way:
    """A path to a real server that is this node, and what is said of it after each attempt."""

    real = "127.0.0.1"

    def __init__(self, *troubles: str | None) -> None:
        self.troubles = list(troubles)
        self.failed: list[bool] = []
        self.prepared = 0

    def path(self, _kind: str, _real: str) -> Way:
        """Give itself."""
        return self

    def prepare(self, sock: socket.socket, _vip: str, source: str | None) -> None:
        """Bind the socket."""
        sock.bind((source or "127.0.0.3", 0))
        self.prepared += 1

    def trouble(self, _vip: str, *, failed: bool) -> str | None:
        """Say what is next."""
        self.failed.append(failed)
        return self.troubles.pop(0)


def by(way: Way, port: int, timeout: float = 20) -> tuple[Result, BlockingNet]:
    """Ask through a VIP; the driver has more time, as the machine may be busy at the deadline."""
    net = BlockingNet(way)  # type: ignore[arg-type]
    values = {"host": Host("127.0.0.1"), "port": Port(port), "via": Via("dr:127.0.0.9"), "timeout": timeout}
    return run(udp_reply(net, **values), 60), net  # type: ignore[arg-type]


@pytest.mark.parametrize("troubles", [(None,), ("", None)])
def test_the_vip_is_asked_by_the_path(troubles: tuple[str | None, ...]) -> None:
    """From the address that the path has bound; a path that was removed meanwhile is made again."""
    way, attempts = Way(*troubles), len(troubles)
    with socket.socket(type=socket.SOCK_DGRAM) as vip:
        vip.bind(("127.0.0.9", 0))

        def serve() -> None:
            for _ in range(attempts):
                peer = vip.recvfrom(9)[1]
                vip.sendto(peer[0].encode(), peer)

        server = Thread(target=serve)
        server.start()
        result, net = by(way, vip.getsockname()[1])
        server.join()
    assert (result.state, net.no_path) == (OK, False), result
    assert "at 127.0.0.1 replied '127.0.0.3'" in result.text
    assert (way.prepared, way.failed) == (attempts, [False] * attempts)


@pytest.mark.parametrize("trouble", ["this node drops replies: sysctl -w x=1", ""])
def test_a_path_that_is_in_trouble_is_unknown(mute: int, trouble: str) -> None:
    """Nobody was asked, so the real server does not fail."""
    way = Way(trouble)
    result, net = by(way, mute, 0.3)
    assert (result.state, net.no_path, way.failed) == (UNKNOWN, True, [True]), result
    assert f"was not asked: {trouble or 'its IPVS service was removed'}" in result.text


@pytest.mark.parametrize("listens", [False, True])
def test_a_real_server_that_is_closed_or_silent_fails(listens: bool) -> None:
    """Where the path stood."""
    with socket.socket(type=socket.SOCK_DGRAM) as sock:
        sock.bind(("127.0.0.9", 0))
        port = sock.getsockname()[1]
        if not listens:
            sock.close()
        result, net = by(Way(None), port, 0.3)
    assert (result.state, net.no_path) == (CRITICAL, False)
    assert ("is silent" if listens else "is closed") in result.text
