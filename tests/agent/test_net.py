"""Does a check say the same on both drivers? One table of cases, run by poll() and by the agent."""

from __future__ import annotations

import asyncio
import json
import sys
import time
from typing import TYPE_CHECKING, TypeAlias

import pytest

from agent.driver import Driver
from agent.run import Run
from tests.agent.drive import once, resident
from tests.commands import CODE, shell, without_times
from tests.drive import oneshot
from tests.servers import misbehaving as servers
from vipwarden.core.options import options, parse
from vipwarden.core.registry import load

if TYPE_CHECKING:
    import socket
    from collections.abc import Callable
    from contextlib import AbstractContextManager
    from pathlib import Path

    from vipwarden.core.result import Result

Make: TypeAlias = "Callable[[], AbstractContextManager[servers.Server]]"


def page() -> servers.Server:
    """Serve a page to whoever asks."""

    def behave(_server: servers.Server, client: socket.socket) -> None:
        client.recv(4096)
        client.sendall(b"HTTP/1.0 200 OK\r\nContent-Length: 5\r\n\r\nhello")

    return servers.Server(behave)


def half() -> servers.Server:
    """Send half an answer, and then RST."""

    def behave(server: servers.Server, client: socket.socket) -> None:
        client.recv(4096)
        client.sendall(b"HTTP/1.0 200 OK\r\nContent-Length: 5\r\n\r\nhe")
        server.stopped.wait(0.1)
        servers.reset(server, client)

    return servers.Server(behave)


# Check, its options with {host} and {port} of the server, and what makes the server.
CASES: list[tuple[str, str, Make]] = [
    ("port", "-H {host} -p {port}", servers.listening),
    ("port", "-H {host} -p {port},{port}", servers.listening),
    ("port", "-H {host} -p {port}", servers.closed),
    ("port", "-H {host} -p {port} --refused ok", servers.closed),
    ("port", "-H {host} -p {port} -t 0.2", servers.full_backlog),
    ("port", "-H {host} -p {port} -e SSH -t 0.2", servers.mute),
    ("port", "-H {host} -p {port} -e SSH", servers.greeting),
    ("port", "-H {host} -p {port} -e SSH", servers.late),
    ("port", "-H {host} -p {port} -e 220 -t 0.2", servers.greeting),
    ("port", "-H {host} -p {port} -e hello -t 0.2", servers.dripping),
    ("port", "-H {host} -p {port} -e hello", servers.endless),
    ("port", "-H {host} -p {port} -e hello", servers.leaving),
    ("port", "-H {host} -p {port} -e hello -t 0.2", servers.binary),
    ("port", "-H {host} -p {port} --source 192.0.2.1", servers.listening),
    ("port", "-H localhost -4 -p {port}", servers.listening),
    ("port", "-H localhost -4 -p {port} -c 10:", servers.closed),
    ("port", "-H /nowhere/at/all", servers.listening),
    ("process", "-C no-such-program", servers.listening),
    ("process", "--pidfile /no/such/file", servers.listening),
    ("http_digest", "-H {host} -p {port}", servers.closed),
    ("http_digest", "-H {host} -p {port} -t 0.2", servers.full_backlog),
    ("http_digest", "-H {host} -p {port} -t 0.2", servers.mute),
    ("http_digest", "-H {host} -p {port} -t 0.2", servers.dripping),
    ("http_digest", "-H {host} -p {port}", servers.endless),
    ("http_digest", "-H {host} -p {port} -S --insecure", servers.leaving),
    ("http_digest", "-H {host} -p {port} -S --insecure -t 0.2", servers.mute),
    ("http_digest", "-H {host} -p {port} -u /page --digest 5d41402abc4b2a76b9719d911017c592", page),
    ("http_digest", "-H {host} -p {port} -u /page --digest 00000000000000000000000000000000", page),
    ("http_digest", "-H {host} -p {port} -u /page -e 404", page),
    ("http_digest", "-H {host} -p {port} -u /page -r hell", page),
    ("http_digest", "-H {host} -p {port}", half),
    ("port", "-H {host} -p {port} -s x -e hello", half),
    ("mysql_ping", "-H {host} -P {port}", servers.closed),
    ("mysql_ping", "-H {host} -P {port} -t 0.2", servers.mute),
    ("mysql_ping", "-H {host} -P {port} -t 0.2", servers.dripping),
    ("mysql_ping", "-H {host} -P {port}", servers.greeting),
    ("mysql_ping", "-H {host} -P {port}", servers.leaving),
]


def told(result: Result) -> tuple[object, ...]:
    """Return all that a result says, but for the times."""
    metrics = [(metric.name, metric.uom, metric.uom == "s" or metric.value) for metric in result.metrics]
    notes = [without_times(note) for note in result.notes]
    return result.state, without_times(result.text), notes, metrics, result.expired


@pytest.mark.parametrize(("name", "arguments", "make"), CASES, ids=lambda value: getattr(value, "__name__", value))
def test_both_drivers_say_the_same(name: str, arguments: str, make: Make) -> None:
    """State, text, notes, metrics and whether the deadline was met."""
    check = load(name)
    with make() as server:
        words = arguments.format(host=server.host, port=server.port).split()
        wanted = told(oneshot(check, *words))
        assert told(resident(check, *words)) == wanted


def test_a_full_unix_backlog_is_waited_for_alike(tmp_path: Path) -> None:
    """There is nothing to poll for: both drivers try again until the deadline."""
    with servers.full_backlog(str(tmp_path / "socket")) as server:
        words = ("-H", server.path, "-t", "0.2")
        wanted = told(oneshot(load("port"), *words))
        assert told(resident(load("port"), *words)) == wanted


def test_many_checks_wait_at_once() -> None:
    """A hundred mute connections take no longer than one."""

    async def all_at_once(port: str) -> list[Result]:
        known = options(load("port"))
        values = parse(known, ("-H", "127.0.0.1", "-p", port, "-e", "hello", "-t", "0.5"))
        driver = Driver()
        try:
            return await asyncio.gather(*(once(driver, load("port"), values, 0.5) for _ in range(100)))
        finally:
            driver.close()

    with servers.mute() as server:
        begun = time.monotonic()
        results = asyncio.run(all_at_once(str(server.port)))
        assert time.monotonic() - begun < 25  # one after the other they would take 50
    assert all(result.expired for result in results)


def test_a_run_that_is_abandoned_leaves_nothing_behind() -> None:
    """Neither a wait nor a socket, whose number can be that of another one at once."""

    async def abandoned(port: str) -> None:
        known = options(load("port"))
        values = parse(known, ("-H", "127.0.0.1", "-p", port, "-e", "SSH"))
        driver = Driver()
        results: list[Result] = []
        run = Run(driver, "it", load("port"), values, 10, results.append)
        for _ in range(3):
            driver.start(run)
            await asyncio.sleep(0.02)
            driver.abandon(run)
            assert not driver.active
            assert (run.coroutine, run.registered, run.awaits) == (None, None, 0)
        driver.close()
        assert not results

    with servers.mute() as server:
        asyncio.run(abandoned(str(server.port)))
        assert server.accepted == 3


HANGING = """
ip link set lo up
mkdir "$1"
printf 'nameserver 127.0.0.1\\n' >"$1/resolv.conf"
printf 'hosts: files dns\\n' >"$1/nsswitch.conf"
printf '127.0.0.1 known.test\\n' >"$1/hosts"
for name in resolv.conf nsswitch.conf hosts; do
    mount --bind "$1/$name" "/etc/$name"
done
exec "$2" -c "$3"
"""
ASKING = f"""
import sys
sys.path[:0] = [{str(CODE)!r}]
import asyncio, json, os, socket, time
from agent.driver import Driver
from checks.port import Ports, port
from vipwarden.core.values import Seconds
from tests.agent.drive import once
from tests.drive import oneshot
from tests.servers import misbehaving as servers

mute = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
mute.bind(("127.0.0.1", 53))

async def many(number):
    wanted = [f"mute{{index}}.test" for index in range(40)] * 2 + ["known.test"]
    driver = Driver()
    values = {{"port": Ports(str(number)), "timeout": Seconds(0.8)}}
    return await asyncio.gather(*(once(driver, port, {{"host": name, **values}}, 0.8) for name in wanted))

with servers.listening() as server:
    begun = time.monotonic()
    first = oneshot(port, "-H", "mute.test", "-p", "80", "-t", "0.4")
    middle = time.monotonic()
    *late, known = asyncio.run(many(server.port))
    end = time.monotonic()
sys.stdout.write(json.dumps({{
    "blocking": [int(first.state), first.text, middle - begun],
    "resident": [int(late[0].state), late[0].text, end - middle],
    "expired": first.expired and all(result.expired for result in late),
    "known": int(known.state),
    "asked": len(mute.recv(512)) > 0,
}}))
sys.stdout.flush()
os._exit(0)
"""


def test_a_resolver_that_hangs_meets_the_deadline_on_both_drivers(tmp_path: Path) -> None:
    """Nor does it keep others waiting: a name that is known on the spot is resolved behind eighty that are not."""
    ran = shell(tmp_path, HANGING, str(tmp_path / "etc"), sys.executable, ASKING, flags=["-m", "-n"], needs=["ip"])
    said = json.loads(ran.out)
    assert said["asked"]
    assert said["expired"]
    assert said["known"] == 0
    for driver, seconds in (("blocking", 0.4), ("resident", 0.8)):
        state, text, taken = said[driver]
        assert state == 2
        assert f"could not be resolved within {seconds} s" in text
        assert seconds - 0.01 < taken < seconds + 4
