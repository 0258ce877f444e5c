"""Do connections, names and deadlines behave alike on both drivers, whatever the other end does?"""

from __future__ import annotations

import asyncio
import re
import socket
import ssl
import time
from typing import TYPE_CHECKING

import pytest

from agent.driver import Driver
from tests.agent.drive import alone, once
from tests.commands import FAR
from tests.servers import misbehaving as servers
from vipwarden.core.result import CRITICAL, OK, UNKNOWN, Result
from vipwarden.net.address import Address, addresses
from vipwarden.net.blocking import BlockingNet, run
from vipwarden.net.stream import NetError
from vipwarden.net.tls import start_tls
from vipwarden.net.trust import client_context

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable
    from pathlib import Path
    from typing import TypeAlias

    from vipwarden.core.registry import Check
    from vipwarden.net.net import Net
    from vipwarden.net.stream import Stream

    Work: TypeAlias = Callable[[Net], Awaitable[object]]


def resident(work: Work, timeout: float) -> Result:
    """Do some work on the network by the agent's driver."""
    return asyncio.run(alone(_begun(work, timeout), {}, timeout))


def _begun(work: Work, timeout: float) -> Check:
    """Return a check that does some work."""

    async def check(net: Net, **_values: object) -> Result:
        net.begin(timeout)
        return await _result(net, work)

    return check


def oneshot(work: Work, timeout: float) -> Result:
    """Do some work on the network by poll()."""
    net = BlockingNet()
    net.begin(timeout)
    return run(_result(net, work), timeout + 1)


async def _result(net: Net, work: Work) -> Result:
    try:
        return Result(OK, repr(await work(net)))
    except NetError as error:
        return error.result("it")


DRIVERS = pytest.mark.parametrize("drive", [oneshot, resident])


def connected(server: servers.Server, use: Callable[[Stream], Awaitable[object]]) -> Work:
    """Return the work of connecting to a server and using the connection."""

    async def work(net: Net) -> object:
        with await net.connect(await net.resolve(server.host), server.port) as stream:
            return await use(stream)

    return work


@DRIVERS
def test_a_deadline_can_be_shared_out(drive: Callable[[Work, float], Result]) -> None:
    """Each share is an equal part of what is left, and all of them end at the one end."""

    async def shares(net: Net) -> object:
        begun, left = time.monotonic(), net.remaining()
        net.share(4)
        assert (left - (time.monotonic() - begun)) / 4 <= net.timeout <= left / 4
        assert net.remaining() <= net.timeout
        await net.pause(0.1)
        net.share(1)
        assert left - (time.monotonic() - begun) - 0.01 <= net.remaining() <= left - 0.09
        return "shared"

    assert drive(shares, 1).state == OK


@DRIVERS
def test_numbers_and_paths_are_not_looked_up(drive: Callable[[Work, float], Result]) -> None:
    """They are addresses already; each is written as people write it."""

    async def names(net: Net) -> object:
        found = [await net.resolve(host) for host in ("127.0.0.1", "::1", "/run/x", "fe80::1%1")]
        return [(len(addresses), addresses[0].name(80)) for addresses in found]

    assert drive(names, 1).text == repr([(1, "127.0.0.1:80"), (1, "[::1]:80"), (1, "/run/x"), (1, "[fe80::1]:80")])


@DRIVERS
@pytest.mark.parametrize("host", ["", "..", "a" * 64, "ü" * 64, "[::1]..", "\udcff"])
def test_what_is_no_host_is_unresolved(drive: Callable[[Work, float], Result], host: str) -> None:
    """UNKNOWN: the server was never asked; and no name server is asked for what cannot be a name."""

    async def resolve(net: Net) -> object:
        return [address.host for address in await net.resolve(host)]

    result = drive(resolve, 1)
    assert result.state == UNKNOWN
    assert "resolve" in result.text or "is no host" in result.text


@DRIVERS
def test_a_family_leaves_the_other_one_out(drive: Callable[[Work, float], Result]) -> None:
    """A literal of the other family is no address then."""

    async def resolve(net: Net) -> object:
        return (await net.resolve("::1", socket.AF_INET))[0].host

    assert drive(resolve, 1).state == UNKNOWN


@DRIVERS
def test_every_address_is_tried_in_turn(drive: Callable[[Work, float], Result]) -> None:
    """Refused and silent ones before the good one cost no more than their share of the time."""
    with servers.full_backlog("127.0.0.2") as silent, servers.Server(servers.hold, "127.0.0.4", silent.port):
        targets = [Address(socket.AF_INET, host) for host in ("127.0.0.3", "127.0.0.2", "127.0.0.4")]

        async def connect(net: Net) -> object:
            with await net.connect(targets, silent.port) as stream:
                return stream.name

        assert drive(connect, 0.6).text == repr(f"127.0.0.4:{silent.port}")


@DRIVERS
def test_when_no_address_answers_each_is_accounted_for(drive: Callable[[Work, float], Result]) -> None:
    """What says most of the service comes first: a refusal before a silence."""
    with servers.full_backlog("127.0.0.2") as silent:
        targets = [Address(socket.AF_INET, host) for host in ("127.0.0.2", "127.0.0.3")]
        result = drive(lambda net: net.connect(targets, silent.port), 0.3)
    port = silent.port
    assert re.fullmatch(
        rf"it: 127.0.0.3:{port} is closed \(Connection refused\); "
        rf"127.0.0.2:{port} is filtered \(no answer in 0.\d+ s\)",
        result.text,
    )
    assert (result.state, result.expired) == (CRITICAL, False)


@DRIVERS
@pytest.mark.parametrize(
    ("make", "said"),
    [
        (servers.mute, "no answer from {} within 0.3 s"),
        (servers.dripping, "no answer from {} within 0.3 s"),
        (servers.leaving, "{} closed the connection after 0 of 100000 bytes"),
        (servers.resetting, "{} cut the connection off (Connection reset by peer)"),
    ],
)
def test_so_many_bytes_come_or_it_is_said_why_not(
    drive: Callable[[Work, float], Result], make: Callable[[], servers.Server], said: str
) -> None:
    """The deadline is for the whole, and the end of the stream is no answer."""
    with make() as server:
        begun = time.monotonic()
        result = drive(connected(server, lambda stream: stream.receive_exactly(100_000)), 0.3)
        assert time.monotonic() - begun < FAR
    name = f"127.0.0.1:{server.port}"
    assert result.text == "it: " + said.format(name) or "Connection reset" in result.text


@DRIVERS
def test_a_peer_that_pours_cannot_outlast_the_deadline(drive: Callable[[Work, float], Result]) -> None:
    """There is always something to read, so that nothing ever waits: the clock must be looked at all the same."""

    async def read_for_ever(stream: Stream) -> object:
        while True:
            await stream.receive_exactly(4)

    with servers.endless() as server:
        begun = time.monotonic()
        result = drive(connected(server, read_for_ever), 0.3)
        assert 0.29 < time.monotonic() - begun < FAR
    assert (result.state, result.expired) == (CRITICAL, True)


def test_a_peer_that_pours_does_not_starve_the_others() -> None:
    """In one event loop the next one gets its turn while there is always something to read."""

    async def read_for_ever(stream: Stream) -> object:
        while True:
            await stream.receive_exactly(4)

    async def both() -> float:
        driver = Driver()
        pouring = asyncio.ensure_future(once(driver, _begun(connected(server, read_for_ever), 0.5), {}, 0.5))
        longest, last = 0.0, time.thread_time()
        while not pouring.done():
            await asyncio.sleep(0.001)
            longest, last = max(longest, time.thread_time() - last), time.thread_time()
        driver.close()
        return longest

    with servers.endless() as server:
        assert asyncio.run(both()) < 0.1


@DRIVERS
def test_what_is_sent_arrives_whole(drive: Callable[[Work, float], Result]) -> None:
    """More than any socket buffer holds, to a server that reads slowly at first."""
    data = b"0123456789abcdef" * 1_000_000

    def take(server: servers.Server, client: socket.socket) -> None:
        server.stopped.wait(0.05)
        got = b""
        while len(got) < len(data) and (more := client.recv(1 << 20)):
            got += more
        client.sendall(b"same" if got == data else b"different")

    async def send(stream: Stream) -> object:
        await stream.send(data)
        return await stream.receive()

    with servers.Server(take) as server:
        assert drive(connected(server, send), 5).text == "b'same'"


@DRIVERS
@pytest.mark.parametrize(
    ("make", "said"),
    [
        (servers.mute, "no answer from {} within 0.3 s"),
        (servers.dripping, "(no TLS with|no answer from|no whole answer from) {}.*"),
        (servers.greeting, "no TLS with {}: wrong version number"),
        (servers.endless, "no TLS with {}: wrong version number"),
        (servers.leaving, "{} closed the connection during the TLS handshake"),
        (servers.resetting, "{} (closed the connection during the TLS handshake|cut the connection off|is closed).*"),
    ],
)
def test_no_tls_is_said_plainly(
    drive: Callable[[Work, float], Result], make: Callable[[], servers.Server], said: str
) -> None:
    """A server without TLS, or with none of it in time, is CRITICAL within the deadline."""

    async def encrypt(stream: Stream) -> object:
        return await start_tls(stream, client_context(insecure=True), None)

    with make() as server:
        begun = time.monotonic()
        result = drive(connected(server, encrypt), 0.3 if make in (servers.mute, servers.dripping) else 20)
        assert time.monotonic() - begun < FAR
    assert result.state == CRITICAL
    assert re.fullmatch("it: (" + said.format(f"127.0.0.1:{server.port}") + ")", result.text)


def test_a_ca_file_that_is_none_is_this_nodes_trouble(tmp_path: Path) -> None:
    """UNKNOWN, with the reason: it was never there, or holds no certificate."""
    (tmp_path / "empty").write_text("nothing\n")
    for name, reason in (("missing", "No such file"), ("empty", "no start line|NO_CERTIFICATE|unknown error|.")):
        with pytest.raises(NetError, match=f"cannot read CA certificates from {tmp_path}/{name}: .*{reason}") as caught:
            client_context(str(tmp_path / name))
        assert caught.value.state == UNKNOWN


def test_an_insecure_context_verifies_nothing_and_a_plain_one_all() -> None:
    """Not verifying must be asked for."""
    assert client_context().verify_mode == ssl.CERT_REQUIRED
    assert client_context().check_hostname
    assert client_context(insecure=True).verify_mode == ssl.CERT_NONE


def test_an_address_comes_once() -> None:
    """Also where /etc/hosts names it on several lines."""
    found = [address.host for address in addresses(b"localhost", 0)]
    assert len(found) == len(set(found)) > 0
