"""Are datagrams exchanged the same by both drivers, and is an unreachable port told from silence?"""

from __future__ import annotations

import asyncio
import socket
from time import monotonic
from typing import TYPE_CHECKING

import pytest

from tests.agent.drive import alone
from vipwarden.core.result import CRITICAL, OK, UNKNOWN, Result
from vipwarden.net.blocking import BlockingNet, run
from vipwarden.net.datagram import Datagrams
from vipwarden.net.stream import NetError

if TYPE_CHECKING:
    from collections.abc import Iterator

    from vipwarden.net.net import Net


async def exchange(net: Net, *, host: str, port: int, source: str | None = None, timeout: float = 5) -> Result:
    """Send a datagram and return the reply as the text."""
    net.begin(timeout)
    (address,) = await net.resolve(host)
    try:
        with Datagrams(net, address, port, source) as peer:
            await peer.send(b"ask")
            reply = await peer.receive(net.deadline)
    except NetError as error:
        return error.result(error.kind)
    return Result(CRITICAL, "silence") if reply is None else Result(OK, reply.decode())


@pytest.fixture(params=["blocking", "agent"])
def driver(request: pytest.FixtureRequest) -> str:
    """Name a driver."""
    return str(request.param)


def ask(driver: str, port: int, host: str = "127.0.0.1", timeout: float = 5, **values: object) -> Result:
    """Run exchange() by a driver."""
    given = {"host": host, "port": port, "timeout": timeout, **values}
    if driver == "blocking":
        return run(exchange(BlockingNet(), **given), timeout)  # type: ignore[arg-type]
    return asyncio.run(alone(exchange, given, timeout))


@pytest.fixture(params=["127.0.0.1", "::1"])
def peer(request: pytest.FixtureRequest) -> Iterator[socket.socket]:
    """Open a socket that answers nothing by itself."""
    with socket.socket(socket.AF_INET6 if ":" in request.param else socket.AF_INET, socket.SOCK_DGRAM) as sock:
        sock.bind((request.param, 0))
        yield sock


def test_a_port_where_nobody_listens_is_closed(driver: str, peer: socket.socket) -> None:
    """The kernel answers with ICMP, and the run ends at once."""
    host, port = peer.getsockname()[:2]
    peer.close()
    begun = monotonic()
    result = ask(driver, port, host, 60)
    assert monotonic() - begun < 30
    assert (result.state, result.text.partition(":")[0]) == (CRITICAL, "closed")
    assert "is closed (Connection refused)" in result.text


def test_silence_is_no_error(driver: str, peer: socket.socket) -> None:
    """It ends with the time that was given."""
    host, port = peer.getsockname()[:2]
    assert ask(driver, port, host, 0.1).text == "silence"
    assert peer.recv(9) == b"ask"


def test_only_the_peer_is_heard(driver: str) -> None:
    """What comes from another address or port is none of its datagrams."""
    with socket.socket(type=socket.SOCK_DGRAM) as peer, socket.socket(type=socket.SOCK_DGRAM) as other:
        peer.bind(("127.0.0.1", 0))

        async def answered(net: Net, *, timeout: float) -> Result:
            net.begin(timeout)
            (address,) = await net.resolve("127.0.0.1")
            with Datagrams(net, address, peer.getsockname()[1], "127.0.0.2") as datagrams:
                await datagrams.send(b"ask")
                ours = peer.recvfrom(9)[1]
                assert ours[0] == "127.0.0.2"
                other.sendto(b"forged", ours)
                peer.sendto(b"", ours)
                return Result(OK, str(await datagrams.receive(net.deadline)))

        if driver == "blocking":
            result = run(answered(BlockingNet(), timeout=20), 20)
        else:
            result = asyncio.run(alone(answered, {"timeout": 20}, 20))
    assert result.text == "b''"


def test_what_this_node_cannot_do_is_its_own_fault(driver: str) -> None:
    """Nobody was asked."""
    result = ask(driver, 53, source="192.0.2.1")
    assert result.state == UNKNOWN
    assert result.text.startswith("local: cannot use the source address 192.0.2.1: ")
