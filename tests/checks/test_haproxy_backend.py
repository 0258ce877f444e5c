"""Has each backend of HAProxy a server that is up? Asked of a real HAProxy, and of sockets that lie."""

from __future__ import annotations

import os
import signal
import socket
from contextlib import contextmanager
from typing import TYPE_CHECKING

import pytest

from checks.haproxy_backend import haproxy_backend
from tests.agent.drive import Inside
from tests.agent.scripted import states
from tests.commands import stop
from tests.drive import oneshot
from tests.servers import haproxy, misbehaving
from tests.servers.haproxy import command
from tests.servers.ports import free_ports
from vipwarden.core.options import UsageError
from vipwarden.core.result import CRITICAL, OK, UNKNOWN, WARNING, Result, State

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

# modules that chk_haproxy_backend loads beside its own file and what every chk_ command loads
LOADS = """
    vipwarden.node vipwarden.node.haproxy vipwarden.node.haproxy.socket vipwarden.node.haproxy.source
    vipwarden.node.haproxy.table vipwarden.node.process vipwarden.node.process.procfs
"""
_BODY = """
frontend www
  bind 127.0.0.1:{front}
  default_backend web
backend web
  server web1 127.0.0.1:{open}
  server web2 127.0.0.1:{open}
  server web3 127.0.0.1:{open} disabled
backend spare
  server one 127.0.0.1:{open} disabled
  server reserve 127.0.0.1:{open} backup
backend none
  server one 127.0.0.1:{open} disabled
  server two 127.0.0.1:{open} weight 0
backend full
  server one 127.0.0.1:{open} maxconn 1
listen narrow
  bind 127.0.0.1:{narrow}
  server one 127.0.0.1:{open} maxconn 1
backend empty
"""


def ask(*arguments: str) -> Result:
    """Run the check."""
    return oneshot(haproxy_backend, *(() if "-t" in arguments else ("-t", "5")), *arguments)


def numbers(result: Result) -> dict[str, float]:
    """Return its metrics by name."""
    return {metric.name: metric.value for metric in result.metrics}


def saying(data: bytes) -> Callable[[misbehaving.Server, socket.socket], None]:
    """Give that answer to a command, and hang up."""

    def say(_server: misbehaving.Server, client: socket.socket) -> None:
        client.recv(4096)
        client.sendall(data)

    return say


@contextmanager
def healthy(_folder: Path) -> Iterator[str]:
    """Yield options with which the check is OK."""
    (front,) = free_ports(1)
    body = f"frontend www\n bind 127.0.0.1:{front}\n default_backend web\nbackend web\n server one 127.0.0.1:{front}\n"
    with haproxy.haproxy(body) as path:
        yield f"-s {path} -b web"


class Proxy:
    """A HAProxy for all tests of this file: its socket, and the port of a listen section for one request at a time."""

    def __init__(self, path: str, narrow: int) -> None:
        self.path = path
        self.narrow = narrow


@pytest.fixture(scope="module")
def proxy() -> Iterator[Proxy]:
    """Run it in front of a server that holds every request."""
    front, narrow, held = free_ports(3)
    body = _BODY.format(front=front, narrow=narrow, open=held)
    with misbehaving.Server(misbehaving.hold, port=held), haproxy.haproxy(body) as path:
        yield Proxy(path, narrow)


@pytest.mark.parametrize(
    ("arguments", "state", "text"),
    [
        ("-b web", OK, "2 of 3 servers of web up"),
        ("-b web -c 2: -w 3:", WARNING, "2 of 3 servers of web up, range 3:"),
        ("-b web -c 3:", CRITICAL, "2 of 3 servers of web up, range 3:"),
        ("-b spare", OK, "1 of 2 servers of spare up (backup)"),
        ("-b none", CRITICAL, "0 of 2 servers of none up, range 1:"),
        ("-b none -c 0:", OK, "0 of 2 servers of none up"),
        ("-b empty", CRITICAL, "0 of 0 servers of empty up, range 1:"),
        ("-b web -b none -b spare", CRITICAL, "0 of 2 servers of none up, range 1:"),
        ("--frontend www", OK, "1 frontends open"),
        ("-b web --frontend www", OK, "2 of 3 servers of web up; 1 frontends open"),
        ("-b narrow --frontend narrow", OK, "1 of 1 servers of narrow up; 1 frontends open"),
        ("-b web -b gone --frontend web", CRITICAL, "HAProxy has no gone, web"),
        ("", CRITICAL, "0 of 2 servers of none up, range 1:"),
        ("-c 0:", OK, "servers of web up"),
    ],
)
def test_servers_that_get_requests_count(proxy: Proxy, arguments: str, state: State, text: str) -> None:
    """Those of a backend, or of all."""
    result = ask("-s", proxy.path, *arguments.split())
    assert (result.state, text in result.text) == (state, True), result


def test_one_that_is_not_there_is_told_by_haproxy(proxy: Proxy) -> None:
    result = ask("-s", proxy.path, "-b", "gone")
    assert (result.state, "No such proxy" in result.text) == (CRITICAL, True), result


def test_metrics_are_those_of_the_worst_backend(proxy: Proxy) -> None:
    """And the notes name what is not up."""
    result = ask("-s", proxy.path, "-b", "web", "-b", "none")
    assert numbers(result) == {"backends": 2, "up": 0, "down": 3, "queue": 0}
    assert sorted(result.notes) == ["none/one MAINT", "none/two no check with weight 0", "web/web3 MAINT"]


def test_requests_that_wait_are_judged(proxy: Proxy) -> None:
    """A server with maxconn 1 holds the first; the others wait in its queue or the backend's."""
    clients = [socket.create_connection(("127.0.0.1", proxy.narrow)) for _ in range(4)]
    try:
        for client in clients:
            client.sendall(b"GET / HTTP/1.0\r\n\r\n")
        while numbers(result := ask("-s", proxy.path, "-b", "narrow", "--queue", "2"))["queue"] < 3:
            pass
    finally:
        for client in clients:
            client.close()
    assert (result.state, result.text) == (CRITICAL, "3 requests wait for a server of narrow, range 2")


def test_a_frontend_that_is_paused_is_not_open(proxy: Proxy) -> None:
    """It still has its place in the table."""
    command(proxy.path, "disable frontend narrow")
    try:
        result = ask("-s", proxy.path, "--frontend", "narrow")
        assert (result.state, result.text.partition(" is ")[0]) == (CRITICAL, "the frontend narrow"), result
    finally:
        command(proxy.path, "enable frontend narrow")


def test_the_socket_is_found_in_haproxy_cfg(proxy: Proxy, tmp_path: Path) -> None:
    """A stats page in it is not asked; a file that cannot be read is no fault of HAProxy."""
    conf = tmp_path / "haproxy.cfg"
    conf.write_text(f"global\n stats socket {proxy.path}\nlisten page\n bind 127.0.0.1:1\n stats uri /\n")
    assert ask("--conf", str(conf), "-b", "web").state == OK
    assert ask("--conf", str(tmp_path), "-b", "web").state == UNKNOWN
    missing = ask("--conf", str(tmp_path / "no.cfg"))
    assert (missing.state, "/run/haproxy/admin.sock is closed" in missing.text) == (CRITICAL, True), missing


def test_one_that_hangs_or_is_gone_is_critical() -> None:
    """The kernel accepts connections for a process that is stopped."""
    (front,) = free_ports(1)
    with haproxy.running(f"frontend www\n bind 127.0.0.1:{front}\n") as (path, process):
        assert ask("-s", path).state == OK
        stop(process)
        hung = ask("-s", path, "-t", "0.3")
        process.send_signal(signal.SIGCONT)
        assert ask("-s", path).state == OK
        process.kill()
        process.wait()
        dead = ask("-s", path)
    assert (hung.state, hung.expired) == (CRITICAL, True), hung
    assert (dead.state, dead.expired, f"{path} is closed" in dead.text) == (CRITICAL, False, True), dead


_HEAD = b"Name: HAProxy\nVersion: 2.6.12\nPid: %d\n\n# pxname,svname,qcur,status,weight,bck,type,\n"
_LIES = [
    b"",
    b"Name: HAProxy\n",
    b"\0\xff" * 5000,
    _HEAD % 1,
    _HEAD % 1 + b"web,BACKEND,0,UP,1,0,1,\nweb,one,99999999999999999999,UP,1,0,2",
    (_HEAD % 1).replace(b"type", b"x") + b"web,one,0,UP,1,0,2,\n\n",
    b"Version: 1\nPid: 99999999999999999999\n\n# pxname,svname,type,\nweb,\x1b[2J,2,\nweb,BACKEND,1,\n\n",
]


@pytest.mark.parametrize("lie", _LIES, ids=range(len(_LIES)))
def test_what_is_no_answer_is_never_ok(lie: bytes) -> None:
    """Nor an exception."""
    with misbehaving.Server(saying(lie)) as server:
        result = ask("-s", f"tcp://127.0.0.1:{server.port}", "-b", "web", "-t", "1")
    assert result.state == CRITICAL
    assert result.text.isprintable()


@pytest.mark.parametrize("serve", [misbehaving.mute, misbehaving.dripping, misbehaving.endless, misbehaving.leaving])
def test_a_server_on_a_bad_day_is_critical(serve: Callable[[], misbehaving.Server]) -> None:
    """Within the deadline."""
    with serve() as server:
        assert ask("-s", f"tcp://127.0.0.1:{server.port}", "-t", "0.5").state == CRITICAL


def test_the_end_of_the_process_is_seen_at_once(tmp_path: Path) -> None:
    """By the agent, whose interval is an hour."""
    (front,) = free_ports(1)
    with haproxy.running(f"frontend www\n bind 127.0.0.1:{front}\n") as (path, process):
        it = f"it: {{check: haproxy_backend, socket: {path}, interval: 3600, timeout: 10}}"
        inside = Inside(tmp_path, it)

        def killed() -> bool:
            if states(inside) == {"it": "OK"}:
                process.kill()
            return states(inside) == {"it": "CRITICAL"}

        inside.run_until(killed)


def test_another_process_of_that_number_is_not_watched(monkeypatch: pytest.MonkeyPatch) -> None:
    """A HAProxy of a container has its own numbers: this one is that of the test."""
    monkeypatch.setattr("vipwarden.net.net.Net.watch_processes", lambda _net, _pids: pytest.fail("watched"))
    table = b"www,FRONTEND,0,OPEN,,,0,\n\n"
    with misbehaving.Server(saying(_HEAD % os.getpid() + table)) as server:
        assert ask("-s", f"tcp://127.0.0.1:{server.port}").state == OK


@pytest.mark.parametrize("arguments", ["-s http://127.0.0.1/", "-s relative", "-b a;b", "--frontend a,b"])
def test_what_is_no_socket_or_name_is_refused(arguments: str) -> None:
    with pytest.raises(UsageError):
        ask(*arguments.split())
